// An event loop that an eventfd wakes.
#ifndef FAILOVER_TESTS_SNIPPETS_INBOX_H_
#define FAILOVER_TESTS_SNIPPETS_INBOX_H_

#include <sys/eventfd.h>

#include "names.h"

extern const int fd;

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_INBOX_H_

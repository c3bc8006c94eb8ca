// A router with a log of its own.
#ifndef FAILOVER_TESTS_SNIPPETS_LOG_H_
#define FAILOVER_TESTS_SNIPPETS_LOG_H_

#include <string_view>

#include "names.h"

enum Level { kNotice, kWarning };
void MyLog(Level level, std::string_view line);

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_LOG_H_

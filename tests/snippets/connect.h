// A proxy that passes bytes through, after it has tried to connect.
#ifndef FAILOVER_TESTS_SNIPPETS_CONNECT_H_
#define FAILOVER_TESTS_SNIPPETS_CONNECT_H_

#include "names.h"

extern const bool connected;
extern failover::RetryDoneFunc token;
extern absl::StatusOr<failover::BufferedRequest> held;
void again(absl::StatusOr<failover::RetryDoneFunc> done);

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_CONNECT_H_

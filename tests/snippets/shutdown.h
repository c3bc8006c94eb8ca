// A router whose event loop goes on while a Buffer shuts down.
#ifndef FAILOVER_TESTS_SNIPPETS_SHUTDOWN_H_
#define FAILOVER_TESTS_SNIPPETS_SHUTDOWN_H_

#include "names.h"

struct Loop {
  void Post(void (*task)());
};
void StopServing();
#define SNIPPET_PARAMETERS Loop* loop

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_SHUTDOWN_H_

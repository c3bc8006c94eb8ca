// A router whose event loop goes on while a Buffer shuts down.
#ifndef FAILOVER_TESTS_SNIPPETS_SHUTDOWN_H_
#define FAILOVER_TESTS_SNIPPETS_SHUTDOWN_H_

#include <functional>

#include "names.h"

struct Loop {
  void Post(std::function<void()> task);
  void RunAfter(absl::Duration pause, std::function<void()> task);
};
struct Router {
  void StopAccepting();
  void StopServing();
  void StopServingWhenNoQueryIsLeft();
};
#define SNIPPET_PARAMETERS Loop *loop, Router *router

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_SHUTDOWN_H_

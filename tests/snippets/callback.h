// A router with event loops of its own.
#ifndef FAILOVER_TESTS_SNIPPETS_CALLBACK_H_
#define FAILOVER_TESTS_SNIPPETS_CALLBACK_H_

#include "names.h"

// The tasks of the loop are move-only.
struct Loop {
  void Post(absl::AnyInvocable<void()> task);
};

struct Query : std::enable_shared_from_this<Query> {
  void Fail(const absl::Status& status);
  void Execute();
  void Retry(absl::StatusOr<failover::RetryDoneFunc> done);

  failover::BufferedRequest held;
};

#define SNIPPET_PARAMETERS Loop *loop, std::shared_ptr<Query> query

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_CALLBACK_H_

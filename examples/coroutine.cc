// A router of coroutines (C++20): a held query is a suspended frame, and nothing else.

#include "failover/coroutine.h"

#include <coroutine>
#include <cstdio>
#include <exception>
#include <memory>

#include "failover/buffer.h"
#include "toy_primary.h"

namespace {

// Runs until its first suspension, and destroys itself at its end. A real router has a task type
// that it can await, from its event loop's library.
struct Detached {
  // The names are the language's.
  // NOLINTBEGIN(readability-identifier-naming)
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  // NOLINTEND(readability-identifier-naming)
};

Detached ServeQuery(failover::Buffer& buffer, failover::ShardHandle shard, ToyPrimary& primary,
                    int& succeeded) {
  absl::Status result;
  failover::RetryDoneFunc done;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    if (!done) {  // each request is held at most once
      absl::StatusOr<failover::RetryDoneFunc> waited =
          co_await failover::AwaitFailoverEnd(buffer, {}, shard, result);
      if (!waited.ok()) co_return;
      done = *std::move(waited);
    }
    result = primary.Execute();
    if (!buffer.IsFailover(result)) break;
  }
  done(result);
  if (result.ok()) ++succeeded;
}

}  // namespace

int main() {
  constexpr int kQueries = 4;
  failover::BufferOptions options;
  options.threading = failover::Threading::kManual;  // resumed by Poll, on this thread
  absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer = failover::Buffer::Create(options);
  if (!buffer.ok()) return 1;
  const failover::ShardHandle shard = (*buffer)->GetShard("commerce", "-80");
  ToyPrimary primary;
  (*buffer)->StatsUpdate(primary.Report());

  int succeeded = 0;
  primary.BeginSwitchover();
  for (int i = 0; i < kQueries; ++i) ServeQuery(**buffer, shard, primary, succeeded);
  primary.EndSwitchover();
  (*buffer)->StatsUpdate(primary.Report());
  while ((*buffer)->Poll() == absl::ZeroDuration()) {
  }
  std::printf("%d of %d queries succeeded\n", succeeded, kQueries);
  return succeeded == kQueries ? 0 : 1;
}

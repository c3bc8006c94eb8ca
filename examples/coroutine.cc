// A router whose queries are coroutines (C++20). A held query is a suspended coroutine: no thread
// waits for the query, and nothing else is allocated.

#include <coroutine>
#include <cstdio>
#include <exception>
#include <memory>

#include "failover/buffer.h"
#include "failover/coroutine_retry.h"
#include "toy_primary.h"

namespace {

// A coroutine that runs at once until its first suspension, and destroys itself at its end. A real
// router uses the task type of its event loop's library, which can be awaited.
struct Detached {
  // The C++ language prescribes these names.
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
  using Step = failover::RetrySteps::Step;
  failover::Clock& clock = failover::Clock::Steady();
  failover::RetrySteps steps;
  Step step = steps.Start(clock.Now(), {});
  while (step != Step::kFinish) {
    if (step == Step::kWait) {
      step = co_await failover::AwaitNextAttempt(buffer, shard, steps, clock.Now());
    } else {
      const absl::Status status = primary.Execute();
      step = steps.AttemptEnded(clock.Now(), status, failover::AttemptOf(buffer, status));
    }
  }
  if (steps.result().ok()) ++succeeded;
}

}  // namespace

int main() {
  constexpr int kQueries = 4;
  failover::BufferOptions options;
  options.threading = failover::Threading::kManual;  // Poll resumes coroutines, on this thread
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

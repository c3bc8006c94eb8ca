// A router whose queries are coroutines of standalone Asio (C++20). A held query is a suspended
// coroutine, which its own loop resumes. A client that hangs up cancels its coroutine. Boost.Asio
// works alike, with failover/boost_asio.h.

#include <algorithm>
#include <array>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <thread>

#include "failover/asio.h"
#include "failover/attempt_of.h"
#include "failover/buffer.h"
#include "failover/retry_steps.h"
#include "toy_primary.h"

namespace {

constexpr int kClients = 100;
constexpr int kHangUps = 10;

// What the coroutines of a loop share.
struct Router {
  failover::Buffer& buffer;
  const failover::ShardHandle shard;
  ToyPrimary& primary;
  int succeeded = 0;
  int hung_up = 0;
};

// A real router sends the result to the client.
asio::awaitable<void> ServeQuery(Router& router) {
  using Step = failover::RetrySteps::Step;
  const auto now = [] { return failover::Clock::Steady().Now(); };
  failover::RetrySteps steps;
  Step step = steps.Start(now(), {});
  while (step != Step::kFinish) {
    if (step == Step::kWait) {
      step = steps.WaitEnded(co_await failover::async_wait_for_failover_end(
          router.buffer, steps.context(now()), router.shard,
          failover::TakeLastAttempt(router.buffer, steps), asio::use_awaitable));
    } else {
      const absl::Status status = router.primary.Execute();
      step = steps.AttemptEnded(now(), status, failover::AttemptOf(router.buffer, status));
    }
  }
  if (steps.result().ok()) ++router.succeeded;
  if (absl::IsCancelled(steps.result())) ++router.hung_up;
}

}  // namespace

// Asio throws if it cannot open its descriptors.
int main() {  // NOLINT(bugprone-exception-escape)
  const absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer = failover::Buffer::Create({});
  if (!buffer.ok()) return 1;
  ToyPrimary primary;
  (*buffer)->StatsUpdate(primary.Report());
  Router router{**buffer, (*buffer)->GetShard("commerce", "-80"), primary};
  asio::io_context loop;

  primary.BeginSwitchover();
  std::array<asio::cancellation_signal, kClients> hang_ups;
  for (asio::cancellation_signal& hang_up : hang_ups) {
    const auto on_end = [](const std::exception_ptr& thrown) {
      if (thrown != nullptr) std::rethrow_exception(thrown);
    };
    asio::co_spawn(loop, ServeQuery(router), asio::bind_cancellation_slot(hang_up.slot(), on_end));
  }
  // Each coroutine runs until it is held. One thread holds all of them.
  loop.poll();
  if ((*buffer)->GetShardStats("commerce", "-80")->requests_held != kClients) return 1;
  std::for_each_n(hang_ups.begin(), kHangUps, [](asio::cancellation_signal& hang_up) {
    hang_up.emit(asio::cancellation_type::terminal);
  });

  // The health check of a real router is on another thread, too.
  std::thread health_check([&] {
    primary.EndSwitchover();
    (*buffer)->StatsUpdate(primary.Report());
  });
  loop.run();
  health_check.join();
  std::printf("%d queries succeeded, %d clients hung up\n", router.succeeded, router.hung_up);
  return router.succeeded == kClients - kHangUps && router.hung_up == kHangUps ? 0 : 1;
}

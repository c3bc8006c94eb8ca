#include "cost_comebacks.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cost_subject.h"
#include "failover/buffer.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

// Each reading is a pause later than the one before.
class LeapingClock final : public CountingClock {
 public:
  explicit LeapingClock(absl::Duration pause) : pause_(pause) {}
  absl::Time Now() override { return CountingClock::Now() + (leapt_ += pause_); }

 private:
  const absl::Duration pause_;
  absl::Duration leapt_;
};

RequestContext Returning() {
  RequestContext context;
  context.may_probe = true;
  context.writes = true;
  return context;
}

// Holds a request whose retry ends with `outcome`.
BufferedRequest HoldUntil(Subject& subject, Attempt outcome, std::size_t number) {
  Returns* const returns = &subject.returns();
  absl::StatusOr<BufferedRequest> held = subject.buffer().WaitForFailoverEndAsync(
      Returning(), subject.shard(), Attempt::kRefused,
      [returns, outcome, number](absl::StatusOr<RetryDoneFunc> done) {
        (*done)(outcome);
        returns->Count(number, done);
      });
  Require(held.ok() && *held, "a request was not held");
  return *std::move(held);
}

std::vector<BufferedRequest> HoldManyUntil(Subject& subject, Attempt outcome, std::size_t count) {
  std::vector<BufferedRequest> held(count);
  for (std::size_t i = 0; i < count; ++i) held[i] = HoldUntil(subject, outcome, i);
  return held;
}

}  // namespace

Costs HeldAgain(std::size_t operations) {
  BufferOptions options = HoldingOptions(operations, Threading::kManual);
  options.drain_concurrency = static_cast<std::int64_t>(operations);
  Subject subject(options);
  subject.StartFailover();
  std::vector<RetryDoneFunc> tokens;
  std::vector<BufferedRequest> held(operations);
  for (BufferedRequest& request : held) {
    request = *subject.buffer().WaitForFailoverEndAsync(
        Returning(), subject.shard(), absl::OkStatus(),
        [&tokens](absl::StatusOr<RetryDoneFunc> done) { tokens.push_back(*std::move(done)); });
  }
  subject.EndFailover();
  while (tokens.size() < operations) subject.buffer().Poll();
  const Costs costs = Measure([&] {
    for (std::size_t i = 0; i < operations; ++i) {
      held[i] = *subject.buffer().WaitForFailoverEndAsync(
          Returning(), subject.shard(), LastAttempt(Attempt::kRefused).After(std::move(tokens[i])),
          subject.returns().Callback(i));
    }
  });
  const ShardStats stats =
      *subject.buffer().GetShardStats(subject.name().keyspace, subject.name().shard);
  Require(stats.requests_held_again == operations, "a request was not held again");
  return costs;
}

Costs Probe(std::size_t operations) {
  BufferOptions options = HoldingOptions(operations, Threading::kManual);
  // So a probe is due with each poll.
  options.probe_after = absl::Milliseconds(1);
  LeapingClock clock(options.probe_after);
  options.clock = &clock;
  Subject subject(options);
  const std::vector<BufferedRequest> held = HoldManyUntil(subject, Attempt::kFailed, operations);
  return Measure([&] { subject.PollUntilReturned(operations); });
}

Costs AdaptiveDrain(std::size_t operations) {
  Subject subject(operations);
  const std::vector<BufferedRequest> held = HoldManyUntil(subject, Attempt::kSucceeded, operations);
  return Measure([&] {
    subject.EndFailover();
    subject.PollUntilReturned(operations);
  });
}

}  // namespace failover::benchmarks

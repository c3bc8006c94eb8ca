// The tests of the evidence rules (docs/design.md, "What may be believed") share this fixture. It
// adds stamped reports, requests that may come back, and short questions to BufferTest.
#ifndef FAILOVER_TESTS_SUPPORT_EVIDENCE_TEST_H_
#define FAILOVER_TESTS_SUPPORT_EVIDENCE_TEST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "buffer_test.h"

namespace failover::test {

class EvidenceTest : public BufferTest {
 protected:
  // The context of a request that comes back if its retry is refused.
  static RequestContext Returning() {
    RequestContext context;
    context.may_probe = true;
    return context;
  }
  static RequestContext Writing() {
    RequestContext context;
    context.writes = true;
    return context;
  }

  // A request that a failover made fail, and that may come back.
  AsyncRequest FailReturning() { return Fail(Returning()); }
  AsyncRequest FailAtConnect(const RequestContext& context = {}) {
    return AsyncRequest(buffer(), shard(), Attempt::kRefusedAtConnect, context);
  }
  // The retry of `retry` was refused, and the request comes back.
  AsyncRequest Return(AsyncRequest& retry, const RequestContext& context = Returning(),
                      Attempt attempt = Attempt::kRefused) {
    return AsyncRequest(buffer(), shard(), LastAttempt(attempt).After(std::move(retry.token())),
                        context);
  }
  // Tells how the retry ended, and runs what follows.
  void Tell(AsyncRequest& retry, Attempt outcome) {
    retry.token()(outcome);
    PollAll();
  }

  // Passes a report to the Buffer, and runs what follows.
  void Hear(std::uint32_t uid, bool serving, std::int64_t term) {
    Report(uid, serving, term);
    PollAll();
  }
  // The same for a report that was observed `age` ago.
  void HearObserved(std::uint32_t uid, bool serving, std::int64_t term, absl::Duration age) {
    TabletStats stats = PrimaryReport(uid, serving, term);
    stats.observed_at = clock_.Now() - age;
    buffer().StatsUpdate(stats);
    PollAll();
  }

  // Moves the clock in steps, so that each timer runs at its time.
  void Pass(absl::Duration by, absl::Duration step = absl::Milliseconds(10)) {
    for (absl::Duration left = by; left > absl::ZeroDuration(); left -= step) {
      Advance(left < step ? left : step);
    }
  }

  State state() { return Stats().state; }
  std::uint64_t Stops(StopReason reason) { return At(Stats().stops, reason); }
  std::uint64_t Skipped(SkippedReason reason) { return At(Stats().requests_skipped, reason); }
  std::uint64_t Evicted(EvictedReason reason) { return At(Stats().requests_evicted, reason); }
  bool StartedOnSuspicion() { return log_.Count("starting buffering on a suspicion") > 0; }

  // Runs a whole failover that takes no time and ends with another primary, so that the guards
  // apply from now on. The primary is then server 2 with term 200.
  void FailOverToServer2() {
    Hear(1, true, 100);
    AsyncRequest request = Fail();
    ASSERT_TRUE(request.held());
    Hear(2, true, 200);
    ASSERT_TRUE(request.released());
    request.EndRetry();
    PollAll();
    ASSERT_EQ(state(), State::kIdle);
  }
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_EVIDENCE_TEST_H_

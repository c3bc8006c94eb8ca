// Failovers that went wrong elsewhere after the held requests were released. Each test is named
// after the public report that it came from.
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "case_test.h"
#include "failover/transition.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

// ---- The old primary is reached a moment longer
// -----------------------------------------------------

// awslabs/aws-mysql-jdbc#209, brianmario/mysql2#772, block/spirit#250: the failover is over, but
// for a moment connections still reach the old primary (DNS, a load balancer). Released requests
// have most of their window left, and must not burn their attempts within a millisecond.
struct Stale {
  int requests;
  int milliseconds;  // for how long the old primary is reached after the promotion
  bool feed_repeats;
  bool may_probe;
  std::int64_t drain_concurrency;
};

class AwsMysqlJdbc209 : public CaseTest, public ::testing::WithParamInterface<Stale> {};

TEST_P(AwsMysqlJdbc209, TheOldPrimaryIsReachedAMomentLonger) {
  const Stale& row = GetParam();
  BufferOptions options;
  options.window = absl::Seconds(5);
  options.max_failover_duration = absl::Seconds(5);
  options.min_time_between_failovers = absl::Seconds(10);
  options.drain_concurrency = row.drain_concurrency;
  CreateDefault(options);
  retries_end = std::nullopt;
  Hear(1, true, 100);
  std::vector<CaseRequest*> waiting;
  for (int i = 0; i < row.requests; ++i) {
    waiting.push_back(&SendRefused(row.may_probe ? Returning() : RequestContext()));
  }
  int attempts = 0;
  int succeeded = 0;
  for (int millisecond = 0; millisecond < 5000 && succeeded < row.requests; ++millisecond) {
    Advance(absl::Milliseconds(1));
    if (millisecond == 200 || (row.feed_repeats && millisecond > 200)) Hear(2, true, 200);
    const bool reaches_new = millisecond >= 200 + row.milliseconds;
    for (CaseRequest* const request : waiting) {
      if (!request->retries() || !request->token.has_value()) continue;
      ++attempts;
      if (reaches_new) {
        EndRetry(*request, Attempt::kSucceeded);
        request->token.reset();
        ++succeeded;
      } else {
        SendBack(*request);
        ASSERT_TRUE(request->held()) << "after " << millisecond << " ms: " << request->error;
      }
    }
  }
  EXPECT_EQ(succeeded, row.requests);
  EXPECT_LE(attempts, row.requests + 40) << "too many went to the old primary";
}

INSTANTIATE_TEST_SUITE_P(
    Variants, AwsMysqlJdbc209,
    ::testing::Values(Stale{1, 300, false, true, 1}, Stale{1, 300, true, true, 1},
                      Stale{1, 300, false, false, 1}, Stale{1, 2000, false, true, 1},
                      Stale{20, 300, false, true, 1}, Stale{20, 300, true, true, 8},
                      Stale{20, 2000, false, true, 32}, Stale{5, 300, false, false, 4}));

// The same with a blocking loop of a thread's own, on the real clock.
TEST(AwsMysqlJdbc209Blocking, TheOldPrimaryIsReachedAMomentLonger) {
  auto buffer = Buffer::Create(UnhurriedOptions()).value();
  const ShardHandle shard = buffer->GetShard("ks", "0");
  buffer->StatsUpdate(PrimaryReport(1, true, 100));
  buffer->StartBuffering(shard, "the promotion is under way");
  buffer->StatsUpdate(PrimaryReport(2, true, 200));
  RequestContext context;
  context.may_probe = true;
  RetryDoneFunc token;
  int held = 0;
  for (int attempts = 1;; ++attempts) {
    const bool reaches_new = attempts > 4;
    if (reaches_new) break;
    absl::StatusOr<RetryDoneFunc> done =
        buffer->WaitForFailoverEnd(context, shard, Attempt::kRefused, std::move(token));
    ASSERT_TRUE(done.ok()) << done.status();
    token = *std::move(done);
    held += token ? 1 : 0;
  }
  token(Attempt::kSucceeded);
  EXPECT_EQ(held, 4) << "each refusal was held again until a probe went";
}

// ---- The new primary dies during the drain
// ----------------------------------------------------------

// valkey-io/valkey#782, openark/orchestrator#410: the new primary dies while those that waited for
// it are let go one after the other. Whoever is still in the queue has most of the window left, and
// must not be sent to a server that is known to be down.
struct Death {
  int requests;
  std::int64_t drain_concurrency;
  bool up;
  bool stamped;
  std::int64_t term;
  bool may_probe;
};

class Valkey782 : public CaseTest, public ::testing::WithParamInterface<Death> {
 protected:
  void Tell(std::uint32_t uid, bool serving, std::int64_t term) {
    TabletStats stats = PrimaryReport(uid, serving, term);
    stats.up = serving || GetParam().up;
    if (GetParam().stamped) stats.observed_at = clock_.Now();
    buffer().StatsUpdate(stats);
    PollAll();
  }
};

TEST_P(Valkey782, TheNewPrimaryDiesDuringTheDrain) {
  const Death& row = GetParam();
  BufferOptions options;
  options.drain_concurrency = row.drain_concurrency;
  CreateDefault(options);
  retries_end = std::nullopt;
  Tell(1, true, 100);
  std::vector<CaseRequest*> requests;
  for (int i = 0; i < row.requests; ++i) {
    requests.push_back(&SendRefused(row.may_probe ? Returning() : RequestContext()));
  }
  Tell(1, false, 100);
  Advance(absl::Seconds(1));
  Tell(2, true, row.term);
  const auto released = static_cast<std::size_t>(row.drain_concurrency);
  for (std::size_t i = 0; i < released; ++i) ASSERT_TRUE(requests[i]->retries());
  Advance(absl::Milliseconds(1));
  Tell(2, false, row.term);
  for (std::size_t i = 0; i < released; ++i) EndRetry(*requests[i], Attempt::kUnknown);
  for (std::size_t i = released; i < requests.size(); ++i) {
    EXPECT_TRUE(requests[i]->held()) << i << " was sent to a dead server";
  }
  retries_end = Attempt::kSucceeded;
  Pass(absl::Seconds(2), absl::Milliseconds(100));
  for (std::size_t i = released; i < requests.size(); ++i) EXPECT_TRUE(requests[i]->held()) << i;
  Tell(3, true, row.term);
  for (std::size_t i = released; i < requests.size(); ++i) EXPECT_TRUE(requests[i]->retries()) << i;
}

INSTANTIATE_TEST_SUITE_P(Variants, Valkey782,
                         ::testing::Values(Death{5, 1, false, false, 200, false},
                                           Death{5, 3, true, false, 200, false},
                                           Death{5, 1, true, true, 100, false},
                                           Death{5, 1, false, true, 200, true},
                                           Death{50, 32, false, false, 100, true}));

// The drain is stopped although the retry itself is told first, and then the report comes.
TEST_F(CaseTest, Valkey782_TheRetryIsRefusedBeforeTheReport) {
  retries_end = std::nullopt;
  Hear(1, true, 100);
  CaseRequest& first = SendRefused();
  CaseRequest& second = SendRefused();
  Hear(2, true, 200);
  EndRetry(first, Attempt::kRefused);
  EXPECT_TRUE(second.held());
  Hear(2, false, 200);
  Pass(absl::Seconds(3), absl::Milliseconds(100));
  EXPECT_TRUE(second.held());
  Hear(3, true, 300);
  EXPECT_TRUE(second.retries());
}

// ---- A retry that hangs
// -------------------------------------------------------------------------------

// sysown/proxysql#3133, awslabs/aws-mysql-jdbc#612: a statement to a server that hangs without
// closing its connections does not come back for minutes. Such a retry must not switch off the
// shard.
struct Hang {
  int hanging;
  std::int64_t drain_concurrency;
  bool may_probe;
  absl::Duration timeout;
};

class Proxysql3133 : public CaseTest, public ::testing::WithParamInterface<Hang> {};

TEST_P(Proxysql3133, ARetryThatHangsDoesNotSwitchOffTheShard) {
  const Hang& row = GetParam();
  BufferOptions options;
  options.drain_concurrency = row.drain_concurrency;
  CreateDefault(options);
  retries_end = std::nullopt;
  RequestContext context;
  context.may_probe = row.may_probe;
  context.timeout = row.timeout;
  Hear(1, true, 100);
  std::vector<CaseRequest*> hang;
  for (int i = 0; i < row.hanging; ++i) hang.push_back(&SendRefused(context));
  Advance(absl::Seconds(1));
  Hear(2, true, 200);
  ASSERT_TRUE(hang.front()->retries());
  Pass(absl::Minutes(5), absl::Seconds(1));
  EXPECT_EQ(state(), State::kIdle);
  CaseRequest& request = SendRefused();
  EXPECT_TRUE(request.held()) << "five minutes later a real failover is not held";
  Hear(3, true, 300);
  EXPECT_TRUE(request.retries()) << "the retries that hang keep it back";
}

INSTANTIATE_TEST_SUITE_P(Variants, Proxysql3133,
                         ::testing::Values(Hang{1, 1, false, absl::InfiniteDuration()},
                                           Hang{3, 1, false, absl::InfiniteDuration()},
                                           Hang{8, 4, false, absl::InfiniteDuration()},
                                           Hang{1, 1, true, absl::InfiniteDuration()},
                                           Hang{40, 1, true, absl::InfiniteDuration()},
                                           Hang{2, 1, false, absl::Seconds(3)}));

TEST_F(CaseTest, Proxysql3133_OtherShardsAreNotTouched) {
  BufferOptions options;
  options.max_per_shard = 3;
  options.size = 5;
  CreateDefault(options);
  retries_end = std::nullopt;
  for (int i = 0; i < 3; ++i) SendRefused();
  Hear(2, true, 200);
  Pass(absl::Minutes(5), absl::Seconds(1));
  EXPECT_TRUE(Send(Attempt::kRefused, {}, "1").held()) << "the slots of shard 0 are its own";
}

// ---- A retry that hangs, with a service thread
// ----------------------------------------------------------

TEST(Proxysql3133ServiceThread, ARetryThatHangsDoesNotSwitchOffTheShard) {
  Signal idle;
  BufferOptions options = UnhurriedOptions();
  options.max_retry_time = absl::Milliseconds(20);
  options.on_transition = [&idle](const Transition& transition) {
    if (transition.to == State::kIdle) idle.Give();
  };
  auto buffer = Buffer::Create(options).value();
  const ShardHandle shard = buffer->GetShard("ks", "0");
  Signal released;
  std::optional<RetryDoneFunc> hangs;
  BufferedRequest request = buffer
                                ->WaitForFailoverEndAsync({}, shard, Attempt::kRefused,
                                                          [&](absl::StatusOr<RetryDoneFunc> done) {
                                                            hangs = *std::move(done);
                                                            released.Give();
                                                          })
                                .value();
  buffer->StatsUpdate(PrimaryReport(2, true, 200));
  ASSERT_TRUE(released.Await());
  EXPECT_TRUE(idle.Await()) << "the service thread does not look at the time";
}

}  // namespace
}  // namespace failover::test

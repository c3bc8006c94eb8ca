// The public reports again, with a service thread and with blocked threads. The rules are those of
// the shard, so each front has one test of each kind.
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "case_test.h"
#include "support/blocking_call.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

// A request whose callback runs on the service thread.
struct Caller {
  Signal done;
  absl::StatusOr<RetryDoneFunc> result;
  BufferedRequest handle;
};

class ServiceThreadCases : public ::testing::Test {
 protected:
  void Report(std::uint32_t uid, bool serving, std::int64_t term) {
    buffer_->StatsUpdate(PrimaryReport(uid, serving, term));
  }
  // A request that must be held.
  Caller& Hold(LastAttempt last) {
    Caller& caller = callers_.emplace_back();
    absl::StatusOr<BufferedRequest> answer = buffer_->WaitForFailoverEndAsync(
        context_, shard_, std::move(last), [&caller](absl::StatusOr<RetryDoneFunc> result) {
          caller.result = std::move(result);
          caller.done.Give();
        });
    EXPECT_TRUE(answer.ok() && *answer) << "the request is not held";
    if (answer.ok()) caller.handle = *std::move(answer);
    return caller;
  }
  // Waits for the right to retry.
  static RetryDoneFunc& Token(Caller& caller) {
    EXPECT_TRUE(caller.done.Await());
    EXPECT_TRUE(caller.result.ok()) << caller.result.status();
    return *caller.result;
  }
  State state() const { return buffer_->GetShardStats("ks", "0")->state; }

  RequestContext context_;
  const std::unique_ptr<Buffer> buffer_ = Buffer::Create(UnhurriedOptions()).value();
  const ShardHandle shard_ = buffer_->GetShard("ks", "0");
  std::deque<Caller> callers_;
};

TEST_F(ServiceThreadCases, Orchestrator410_TheNewPrimaryDiesToo) {
  for (std::uint32_t primary = 1; primary < 5; ++primary) {
    Report(primary, true, 100);
    Report(primary, false, 100);
    Caller& caller = Hold(Attempt::kNone);
    Report(primary + 1, true, 100);
    Token(caller)(Attempt::kSucceeded);
  }
}

TEST_F(ServiceThreadCases, Valkey782_TheNewPrimaryDiesDuringTheDrain) {
  Report(1, true, 100);
  Caller& first = Hold(Attempt::kRefused);
  Caller& second = Hold(Attempt::kRefused);
  Report(2, true, 200);
  RetryDoneFunc& token = Token(first);
  Report(2, false, 200);
  token(Attempt::kUnknown);
  EXPECT_EQ(second.done.given(), 0);
  EXPECT_EQ(state(), State::kBuffering);
  Report(3, true, 300);
  Token(second)(Attempt::kSucceeded);
}

TEST_F(ServiceThreadCases, Orchestrator1457_ARetryThatSucceedsEndsIt) {
  context_.may_probe = true;
  Report(1, true, 100);
  Report(2, true, 200);
  // The guard lets the shard hold on suspicion only, so a probe goes soon.
  Caller& probe = Hold(Attempt::kRefused);
  Caller& waits = Hold(Attempt::kNone);
  Token(probe)(Attempt::kSucceeded);
  EXPECT_EQ(Token(waits).released_by(), StopReason::kRetrySucceeded);
}

TEST_F(ServiceThreadCases, AwsMysqlJdbc209_TheOldPrimaryIsReachedAMomentLonger) {
  context_.may_probe = true;
  Report(1, true, 100);
  Caller* caller = &Hold(Attempt::kRefused);
  Report(2, true, 200);
  for (int i = 0; i < 3; ++i) {
    RetryDoneFunc token = std::move(Token(*caller));
    caller = &Hold(LastAttempt(Attempt::kRefused).After(std::move(token)));
  }
  Token (*caller)(Attempt::kSucceeded);
  EXPECT_EQ(state(), State::kIdle);
  EXPECT_EQ(buffer_->GetShardStats("ks", "0")->requests_held_again, 3u);
}

// ---- Blocked threads
// ------------------------------------------------------------------------------------

class BlockedThreadCases : public EvidenceTest {
 protected:
  void SetUp() override {
    BufferOptions options = ManualOptions();
    options.wakeup = [this] { wakeup_.Give(); };
    Create(options);
    Hear(1, true, 100);
  }
  // The shorter timeout gives each call a wake-up of its own (blocking_call.h).
  std::function<BlockingCall::Result()> Wait(LastAttempt last, absl::Duration timeout) {
    RequestContext context = Returning();
    context.timeout = timeout;
    auto attempt = std::make_shared<LastAttempt>(std::move(last));
    return [this, context, attempt] {
      return buffer().WaitForFailoverEnd(context, shard(), std::move(*attempt));
    };
  }
  Signal wakeup_;
};

TEST_F(BlockedThreadCases, Valkey782_TheNewPrimaryDiesDuringTheDrain) {
  BlockingCall first(wakeup_, Wait(Attempt::kRefused, absl::Milliseconds(900)));
  BlockingCall second(wakeup_, Wait(Attempt::kRefused, absl::Milliseconds(800)));
  Hear(2, true, 200);
  ASSERT_TRUE(first.result().ok());
  Hear(2, false, 200);
  (*first.result())(Attempt::kUnknown);
  PollAll();
  EXPECT_FALSE(second.returned());
  Hear(3, true, 300);
  ASSERT_TRUE(second.result().ok());
  (*second.result())(Attempt::kSucceeded);
  EXPECT_EQ(state(), State::kIdle);
}

TEST_F(BlockedThreadCases, AwsMysqlJdbc209_TheOldPrimaryIsReachedAMomentLonger) {
  BlockingCall first(wakeup_, Wait(Attempt::kRefused, absl::Milliseconds(900)));
  Hear(2, true, 200);
  ASSERT_TRUE(first.result().ok());
  BlockingCall again(wakeup_, Wait(LastAttempt(Attempt::kRefused).After(*std::move(first.result())),
                                   absl::Milliseconds(800)));
  EXPECT_EQ(Stats().requests_held_again, 1u);
  Advance(absl::Milliseconds(50));
  ASSERT_TRUE(again.result().ok());
  (*again.result())(Attempt::kSucceeded);
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
}

// ---- Other shards, and a dry run
// --------------------------------------------------------------------------

TEST_F(CaseTest, Valkey782_OneShardsDeathLeavesTheOthersAlone) {
  retries_end = std::nullopt;
  for (const char* const name : {"0", "1"}) Report(1, true, 100, name);
  CaseRequest& here = Send(Attempt::kRefused, {}, "0");
  CaseRequest& here_too = Send(Attempt::kRefused, {}, "0");
  CaseRequest& there = Send(Attempt::kRefused, {}, "1");
  CaseRequest& there_too = Send(Attempt::kRefused, {}, "1");
  for (const char* const name : {"0", "1"}) Report(2, true, 200, name);
  PollAll();
  Report(2, false, 200, "0");
  EndRetry(here, Attempt::kUnknown);
  EndRetry(there, Attempt::kSucceeded);
  EXPECT_TRUE(here_too.held());
  EXPECT_TRUE(there_too.retries());
}

TEST_F(CaseTest, Orchestrator410_ADryRunCountsEachFailover) {
  BufferOptions options;
  options.enabled = false;
  options.dry_run = true;
  CreateDefault(options);
  for (std::uint32_t primary = 1; primary < 5; ++primary) {
    Hear(primary, true, 100);
    Hear(primary, false, 100);
    EXPECT_TRUE(Send().passed());
    Advance(absl::Milliseconds(100));
    Hear(primary + 1, true, 100);
  }
  EXPECT_EQ(Stats().starts, 4u);
  EXPECT_EQ(Stops(StopReason::kNewPrimarySeen), 4u);
  EXPECT_EQ(Stats().requests_buffered_dry_run, 4u);
  EXPECT_EQ(state(), State::kIdle);
}

}  // namespace
}  // namespace failover::test

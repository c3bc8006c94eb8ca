// Races of what happens to retries, and of the listener of transitions.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "failover/buffer.h"
#include "failover/transition.h"
#include "support/buffer_test.h"
#include "sync_points.h"

namespace failover::test {
namespace {

class RetryRacesTest : public BufferTest {
 protected:
  // Holds a request that may come back, and one that may not. Then lets the first go as a probe.
  void LetProbeGo() {
    Report(1, true, 1);
    probe_handle_ = Hold(LastAttempt(FailoverError()), &probe_);
    other_handle_ = *buffer().WaitForFailoverEndAsync(
        {}, shard(), FailoverError(),
        [this](absl::StatusOr<RetryDoneFunc> result) { other_ = *std::move(result); });
    Advance(absl::Seconds(1));
    ASSERT_TRUE(probe_);
    ASSERT_FALSE(other_);
  }

  BufferedRequest Hold(LastAttempt last, RetryDoneFunc* token) {
    RequestContext context;
    context.may_probe = true;
    absl::StatusOr<BufferedRequest> held = buffer().WaitForFailoverEndAsync(
        context, shard(), std::move(last), [token](absl::StatusOr<RetryDoneFunc> result) {
          if (result.ok()) *token = *std::move(result);
        });
    EXPECT_TRUE(held.ok()) << held.status();
    return held.ok() ? *std::move(held) : BufferedRequest();
  }
  BufferedRequest ComeBack() {
    return Hold(LastAttempt(FailoverError()).After(std::move(probe_)), &second_);
  }

  BufferedRequest probe_handle_;
  BufferedRequest other_handle_;
  RetryDoneFunc probe_;
  RetryDoneFunc other_;
  RetryDoneFunc second_;
};

TEST_F(RetryRacesTest, ATokenThatComesBackAsAReportEndsTheHoldWaitsForItsTurn) {
  LetProbeGo();
  BufferedRequest again;
  StopAt window("submit:before-lock");
  Step back([&] { again = ComeBack(); });
  ASSERT_TRUE(window.Await());
  EndFailover();
  EXPECT_TRUE(other_);
  window.LetGo();
  ASSERT_TRUE(back.Join());
  ASSERT_TRUE(again);
  PollAll();
  EXPECT_FALSE(second_) << "two retries have a turn";
  EXPECT_EQ(Stats().requests_held_again, 1u);
  other_();
  PollAll();
  EXPECT_TRUE(second_);
  second_();
}

TEST_F(RetryRacesTest, ATokenThatComesBackAfterTheShutdownFreesNoSlotTwice) {
  LetProbeGo();
  BufferedRequest again;
  StopAt window("submit:before-lock");
  Step back([&] { again = ComeBack(); });
  ASSERT_TRUE(window.Await());
  buffer().Shutdown();
  window.LetGo();
  ASSERT_TRUE(back.Join());
  EXPECT_FALSE(again);
  EXPECT_FALSE(second_);
  other_();
  EXPECT_EQ(Stats().requests_retrying, 0u);
}

TEST_F(RetryRacesTest, ASuccessThatIsToldAfterAReportDownEndsNoHold) {
  LetProbeGo();
  StopAt window("retry-end:before-lock");
  Step end([&] { probe_(Attempt::kSucceeded); });
  ASSERT_TRUE(window.Await());
  Report(1, false, 1);
  window.LetGo();
  ASSERT_TRUE(end.Join());
  EXPECT_EQ(Stats().state, State::kBuffering);
  EndFailover();
  other_();
}

TEST_F(RetryRacesTest, ARetryThatEndsAsItIsOverdueCountsOnce) {
  BufferOptions options = ManualOptions();
  options.max_retry_time = absl::Seconds(2);
  Create(options);
  LetProbeGo();
  EndFailover();
  ASSERT_TRUE(other_);
  StopAt window("retry-end:before-lock");
  Step end([&] { other_(); });
  ASSERT_TRUE(window.Await());
  Advance(absl::Seconds(2));
  EXPECT_EQ(Stats().state, State::kIdle);
  EXPECT_EQ(Stats().retries_overdue, 1u);
  EXPECT_EQ(Stats().requests_retrying, 2u);
  window.LetGo();
  ASSERT_TRUE(end.Join());
  EXPECT_EQ(Stats().requests_retrying, 1u);
  EXPECT_EQ(Stats().state, State::kIdle);
  probe_();
}

// ---- The listener of transitions ----------------------------------------------------------------

TEST_F(RetryRacesTest, AListenerThatShutsDownWaitsForNoShutdownThatWaitsForIt) {
  std::atomic<Buffer*> target{nullptr};
  std::atomic<int> calls{0};
  BufferOptions options = ManualOptions();
  options.on_transition = [&](const Transition&) {
    ++calls;
    if (Buffer* const buffer = target.load()) buffer->Shutdown();
  };
  absl::StatusOr<std::unique_ptr<Buffer>> made = Buffer::Create(options);
  ASSERT_TRUE(made.ok()) << made.status();
  Buffer& watched = **made;
  const BufferedRequest held = *watched.WaitForFailoverEndAsync(
      {}, watched.GetShard("ks", "0"), FailoverError(), [](const auto&) {});
  target = &watched;
  Step shutdown([&] { watched.Shutdown(); });
  ASSERT_TRUE(shutdown.EndsOrStands());
  ASSERT_TRUE(shutdown.ended()) << "it waits for itself";
  EXPECT_EQ(calls, 3);
}

TEST_F(RetryRacesTest, NoListenerIsCalledOnceTheShutdownHasReturned) {
  std::atomic<bool> over{false};
  std::atomic<int> late{0};
  BufferOptions options = ManualOptions();
  options.on_transition = [&](const Transition&) { late += over; };
  Create(options);
  RetryDoneFunc token;
  const BufferedRequest held = Hold(LastAttempt(FailoverError()), &token);
  EndFailover();
  PollAll();
  ASSERT_TRUE(token);
  // The end of the drain wakes nobody, so nothing but the listener keeps the shutdown waiting.
  StopAt decided("retry-end:after-lock");
  Step end([&] { token(); });
  ASSERT_TRUE(decided.Await());
  Step shutdown([&] {
    buffer().Shutdown();
    over = true;
  });
  ASSERT_TRUE(shutdown.EndsOrStands());
  EXPECT_FALSE(shutdown.ended()) << "a call of the listener is still to come";
  decided.LetGo();
  ASSERT_TRUE(end.Join());
  ASSERT_TRUE(shutdown.Join());
  EXPECT_EQ(late, 0);
}

TEST_F(RetryRacesTest, AListenerMayShutDownOnTheThreadThatPolls) {
  Buffer* target = nullptr;
  BufferOptions options = ManualOptions();
  options.on_transition = [&target](const Transition& transition) {
    if (transition.from == State::kBuffering) target->Shutdown();
  };
  Create(options);
  target = &buffer();
  RetryDoneFunc token;
  const BufferedRequest held = Hold(LastAttempt(FailoverError()), &token);
  Step poll([&] { Advance(absl::Hours(1)); });
  ASSERT_TRUE(poll.Join());
  token();
  buffer().Shutdown();
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(RetryRacesTest, TwoThreadsTellTransitionsInTheOrderOfTheDecisions) {
  std::vector<std::pair<State, State>> told;
  BufferOptions options = ManualOptions();
  options.on_transition = [&told](const Transition& transition) {
    told.emplace_back(transition.from, transition.to);
  };
  Create(options);
  RetryDoneFunc token;
  const BufferedRequest held = Hold(LastAttempt(FailoverError()), &token);
  StopAt decided("report:after-lock");
  Step report([&] { EndFailover(); });
  ASSERT_TRUE(decided.Await());
  PollAll();
  token();
  EXPECT_EQ(Stats().state, State::kIdle);
  EXPECT_EQ(told.size(), 1u) << "the thread that decided first has not told";
  decided.LetGo();
  ASSERT_TRUE(report.Join());
  const std::vector<std::pair<State, State>> order = {{State::kIdle, State::kBuffering},
                                                      {State::kBuffering, State::kDraining},
                                                      {State::kDraining, State::kIdle}};
  EXPECT_EQ(told, order);
}

// ---- A token that comes back, and the end of a Buffer -------------------------------------------

TEST_F(RetryRacesTest, ATokenThatCameBackIsReleasedByTheDestructorBeforeTheCallReturns) {
  absl::StatusOr<std::unique_ptr<Buffer>> made = Buffer::Create(ManualOptions());
  ASSERT_TRUE(made.ok());
  std::unique_ptr<Buffer> own = *std::move(made);
  const ShardHandle its_shard = own->GetShard("ks", "0");
  RequestContext context;
  context.may_probe = true;
  RetryDoneFunc token;
  int runs = 0;
  absl::StatusOr<BufferedRequest> first = own->WaitForFailoverEndAsync(
      context, its_shard, FailoverError(),
      [&token](absl::StatusOr<RetryDoneFunc> result) { token = *std::move(result); });
  ASSERT_TRUE(first.ok());
  clock_.Advance(absl::Seconds(1));
  own->Poll();
  ASSERT_TRUE(token) << "the probe";
  absl::StatusOr<BufferedRequest> again;
  StopAt held("submit:after-lock");
  Step back([&] {
    again = own->WaitForFailoverEndAsync(context, its_shard,
                                         LastAttempt(FailoverError()).After(std::move(token)),
                                         [&runs](absl::StatusOr<RetryDoneFunc>) { ++runs; });
  });
  ASSERT_TRUE(held.Await());
  Step destroy([&] { own.reset(); });
  ASSERT_TRUE(destroy.EndsOrStands());
  held.LetGo();
  ASSERT_TRUE(back.Join());
  ASSERT_TRUE(destroy.Join());
  EXPECT_TRUE(again.ok());
  EXPECT_EQ(runs, 1);
}

TEST_F(RetryRacesTest, ATokenIsHandedToAnotherBufferWhileItsOwnIsDestroyed) {
  absl::StatusOr<std::unique_ptr<Buffer>> made = Buffer::Create(ManualOptions());
  ASSERT_TRUE(made.ok());
  std::unique_ptr<Buffer> own = *std::move(made);
  RetryDoneFunc token;
  absl::StatusOr<BufferedRequest> first = own->WaitForFailoverEndAsync(
      {}, own->GetShard("ks", "0"), FailoverError(),
      [&token](absl::StatusOr<RetryDoneFunc> result) { token = *std::move(result); });
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(own->StopBuffering(own->GetShard("ks", "0")));
  own->Poll();
  ASSERT_TRUE(token);
  BufferedRequest held;
  StopAt ends("retry-end:before-lock");
  Step back([&] {
    held = *buffer().WaitForFailoverEndAsync({}, shard(),
                                             LastAttempt(FailoverError()).After(std::move(token)),
                                             [](absl::StatusOr<RetryDoneFunc>) {});
  });
  ASSERT_TRUE(ends.Await());
  Step destroy([&] { own.reset(); });
  ASSERT_TRUE(destroy.EndsOrStands());
  ends.LetGo();
  ASSERT_TRUE(back.Join());
  ASSERT_TRUE(destroy.Join());
  EXPECT_TRUE(held) << "the request is a new one of the other Buffer";
  EXPECT_EQ(Stats().requests_held, 1u);
  EXPECT_TRUE(held.Cancel());
}

}  // namespace
}  // namespace failover::test

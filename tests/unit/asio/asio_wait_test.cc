// These tests cover the wait as an operation of Asio: who calls the handler, when, and how often.
// The Buffer is polled by the test, so every order is the test's own.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "asio_test.h"
#include "failover/inbox.h"
#include "support/buffer_test.h"
#include "support/patience.h"

namespace failover::test {
namespace {

template <class Net>
class AsioWaitTest : public AsioTest<Net> {};
TYPED_TEST_SUITE(AsioWaitTest, BothAsios, AsioName);

TYPED_TEST(AsioWaitTest, ARequestThatPassesIsAnsweredByTheLoopAndNotInsideTheCall) {
  this->Start(absl::OkStatus());
  EXPECT_EQ(this->answer_.calls, 0);
  EXPECT_EQ(this->RunLoop(), 1u);
  EXPECT_TRUE(this->answer_.passed());
}

TYPED_TEST(AsioWaitTest, AHeldRequestIsAnsweredByTheLoopAndNotByThePoll) {
  this->Start(FailoverError());
  EXPECT_EQ(this->Stats().requests_held, 1u);
  this->EndFailover();
  EXPECT_EQ(this->answer_.calls, 0);
  EXPECT_EQ(this->RunLoop(), 1u);
  ASSERT_TRUE(this->answer_.released());
  EXPECT_TRUE(this->answer_.destroyed);
  EXPECT_EQ(this->Stats().requests_retrying, 1u);
  (**this->answer_.result)();
  EXPECT_EQ(this->Stats().requests_retrying, 0u);
}

TYPED_TEST(AsioWaitTest, AWaitThatBeginsOnTheLoopIsNotAnsweredInsideTheCall) {
  Answer passed;
  Answer refused;
  TypeParam::Post(this->executor_, [&] {
    TypeParam::Wait(this->buffer(), {}, this->shard(), absl::OkStatus(), this->OnLoop(passed));
    EXPECT_EQ(passed.calls, 0);
    RequestContext context;
    context.timeout = absl::ZeroDuration();
    TypeParam::Wait(this->buffer(), context, this->shard(), FailoverError(), this->OnLoop(refused));
    EXPECT_EQ(refused.calls, 0);
  });
  EXPECT_EQ(this->RunLoop(), 3u);
  EXPECT_TRUE(passed.passed());
  EXPECT_EQ(refused.reason(), BufferErrorReason::kTimeout);
}

TYPED_TEST(AsioWaitTest, ALoopThatPollsTheBufferIsNotAnsweredInsideThePoll) {
  this->Start(FailoverError());
  TypeParam::Post(this->executor_, [this] {
    this->EndFailover();
    EXPECT_EQ(this->answer_.calls, 0);
  });
  EXPECT_EQ(this->RunLoop(), 2u);
  EXPECT_TRUE(this->answer_.released());
}

TYPED_TEST(AsioWaitTest, AnInertHandleAndAnErrorOfAnotherKindPass) {
  Answer inert;
  TypeParam::Wait(this->buffer(), {}, ShardHandle(), FailoverError(), this->OnLoop(inert));
  Answer other;
  TypeParam::Wait(this->buffer(), {}, this->shard(), OtherError(), this->OnLoop(other));
  EXPECT_EQ(inert.calls + other.calls, 0);
  this->RunLoop();
  EXPECT_TRUE(inert.passed());
  EXPECT_TRUE(other.passed());
}

TYPED_TEST(AsioWaitTest, ARefusalIsAnsweredByTheLoop) {
  RequestContext context;
  context.timeout = absl::ZeroDuration();
  this->Start(FailoverError(), context);
  EXPECT_EQ(this->answer_.calls, 0);
  this->RunLoop();
  EXPECT_EQ(this->answer_.reason(), BufferErrorReason::kTimeout);
}

TYPED_TEST(AsioWaitTest, TheTokenOfARequestThatPassesCountsItsWork) {
  RequestContext context;
  context.work = Work::kTransaction;
  this->Start(absl::OkStatus(), context);
  this->RunLoop();
  ASSERT_TRUE(this->answer_.passed());
  EXPECT_TRUE((*this->answer_.result)->TakeWork());
}

TYPED_TEST(AsioWaitTest, ATokenThatComesBackKeepsItsSlot) {
  this->Start(FailoverError());
  this->EndFailover();
  this->RunLoop();
  ASSERT_TRUE(this->answer_.released());
  Answer again;
  TypeParam::Wait(this->buffer(), {}, this->shard(),
                  LastAttempt(Attempt::kRefused).After(**std::exchange(this->answer_.result, {})),
                  this->OnLoop(again));
  EXPECT_EQ(this->Stats().requests_held, 1u);
  EXPECT_EQ(this->Stats().requests_retrying, 0u);
  this->EndFailover();
  this->RunLoop();
  EXPECT_TRUE(again.released());
}

TYPED_TEST(AsioWaitTest, AnInboxIsIgnored) {
  Inbox inbox(nullptr);
  RequestContext context;
  context.inbox = &inbox;
  this->Start(FailoverError(), context);
  this->EndFailover();
  this->RunLoop();
  EXPECT_TRUE(this->answer_.released());
}

TYPED_TEST(AsioWaitTest, AWaitKeepsTheLoopAtWork) {
  this->Start(FailoverError());
  EXPECT_EQ(this->loop_->poll(), 0u);
  EXPECT_FALSE(this->loop_->stopped());
  this->EndFailover();
  this->RunLoop();
  EXPECT_TRUE(this->loop_->stopped());
}

TYPED_TEST(AsioWaitTest, EveryEndOfAWaitCallsTheHandlerOnce) {
  Answer windowed;
  TypeParam::Wait(this->buffer(), {}, this->shard(), FailoverError(), this->OnLoop(windowed));
  Cancellation cancellation;
  RequestContext context;
  context.cancellation = &cancellation;
  Answer cancelled;
  TypeParam::Wait(this->buffer(), context, this->shard(), FailoverError(), this->OnLoop(cancelled));
  context = {};
  context.timeout = absl::Seconds(1);
  Answer timed_out;
  TypeParam::Wait(this->buffer(), context, this->shard(), FailoverError(), this->OnLoop(timed_out));
  cancellation.Cancel();
  this->Advance(absl::Seconds(1));
  this->Advance(absl::Seconds(9));
  EXPECT_EQ(this->RunLoop(), 3u);
  EXPECT_EQ(cancelled.reason(), BufferErrorReason::kCancelled);
  EXPECT_EQ(timed_out.reason(), BufferErrorReason::kTimeout);
  EXPECT_TRUE(windowed.released());
}

TYPED_TEST(AsioWaitTest, TheHandlerRunsInItsStrand) {
  const typename TypeParam::Strand strand(this->loop_->get_executor());
  bool ran_in_strand = false;
  TypeParam::Wait(this->buffer(), {}, this->shard(), FailoverError(),
                  TypeParam::Bind(strand, [&](const Result&) {
                    ran_in_strand = strand.running_in_this_thread();
                  }));
  this->EndFailover();
  this->RunLoop();
  EXPECT_TRUE(ran_in_strand);
}

TYPED_TEST(AsioWaitTest, AHandlerMayWaitAgain) {
  Answer second;
  TypeParam::Wait(this->buffer(), {}, this->shard(), FailoverError(),
                  TypeParam::Bind(this->loop_->get_executor(), [&](Result first) {
                    TypeParam::Wait(this->buffer(), {}, this->shard(),
                                    LastAttempt(Attempt::kRefused).After(*std::move(first)),
                                    this->OnLoop(second));
                  }));
  this->EndFailover();
  EXPECT_EQ(this->loop_->poll(), 1u);
  EXPECT_EQ(this->Stats().requests_held, 1u);
  this->EndFailover();
  this->RunLoop();
  EXPECT_TRUE(second.released());
}

// Asio completes a future on a thread of its own pool.
TYPED_TEST(AsioWaitTest, AFutureGetsTheAnswer) {
  std::future<Result> passed =
      TypeParam::Wait(this->buffer(), {}, this->shard(), absl::OkStatus(), TypeParam::kUseFuture);
  std::future<Result> held =
      TypeParam::Wait(this->buffer(), {}, this->shard(), FailoverError(), TypeParam::kUseFuture);
  this->EndFailover();
  ASSERT_EQ(passed.wait_for(kPatience), std::future_status::ready);
  ASSERT_EQ(held.wait_for(kPatience), std::future_status::ready);
  EXPECT_FALSE(*passed.get());
  EXPECT_TRUE(*held.get());
}

// ---- Cancellation of one operation --------------------------------------------------------------

TYPED_TEST(AsioWaitTest, EachTypeOfCancellationEndsTheWait) {
  using Type = typename TypeParam::CancellationType;
  for (const Type type : {Type::terminal, Type::partial, Type::total}) {
    typename TypeParam::Signal signal;
    Answer answer;
    TypeParam::Wait(this->buffer(), {}, this->shard(), FailoverError(),
                    TypeParam::BindSlot(signal, this->OnLoop(answer)));
    signal.emit(Type::none);
    EXPECT_EQ(this->Stats().requests_held, 1u);
    signal.emit(type);
    // A loop with a wait that is still held would run for ever.
    ASSERT_EQ(this->Stats().requests_held, 0u);
    EXPECT_EQ(answer.calls, 0);
    this->PollAll();
    EXPECT_EQ(this->RunLoop(), 1u);
    EXPECT_EQ(answer.reason(), BufferErrorReason::kCancelled);
  }
}

TYPED_TEST(AsioWaitTest, ACancelThatComesTooLateChangesNothing) {
  using Type = typename TypeParam::CancellationType;
  typename TypeParam::Signal signal;
  TypeParam::Wait(this->buffer(), {}, this->shard(), FailoverError(),
                  TypeParam::BindSlot(signal, this->OnLoop(this->answer_)));
  this->buffer().StopBuffering(this->shard());
  signal.emit(Type::terminal);  // released, and not yet called back
  this->PollAll();
  signal.emit(Type::terminal);  // posted, and not yet called
  EXPECT_EQ(this->RunLoop(), 1u);
  signal.emit(Type::terminal);  // called
  EXPECT_TRUE(this->answer_.released());
}

TYPED_TEST(AsioWaitTest, ASlotThatIsUsedAgainCancelsTheNewWaitOnly) {
  using Type = typename TypeParam::CancellationType;
  typename TypeParam::Signal signal;
  TypeParam::Wait(this->buffer(), {}, this->shard(), FailoverError(),
                  TypeParam::BindSlot(signal, this->OnLoop(this->answer_)));
  Answer second;
  TypeParam::Wait(this->buffer(), {}, this->shard(), FailoverError(),
                  TypeParam::BindSlot(signal, this->OnLoop(second)));
  signal.emit(Type::terminal);
  signal.emit(Type::terminal);
  EXPECT_EQ(this->Stats().requests_held, 1u);
  this->EndFailover();
  EXPECT_EQ(this->RunLoop(), 2u);
  EXPECT_TRUE(this->answer_.released());
  EXPECT_EQ(second.reason(), BufferErrorReason::kCancelled);
}

TYPED_TEST(AsioWaitTest, ASlotOfARequestThatPassedIsHarmless) {
  typename TypeParam::Signal signal;
  RequestContext context;
  context.work = Work::kStatement;
  TypeParam::Wait(this->buffer(), context, this->shard(), absl::OkStatus(),
                  TypeParam::BindSlot(signal, this->OnLoop(this->answer_)));
  signal.emit(TypeParam::CancellationType::terminal);
  EXPECT_EQ(this->RunLoop(), 1u);
  EXPECT_TRUE(this->answer_.passed());
}

// ---- The end of the Buffer ----------------------------------------------------------------------

TYPED_TEST(AsioWaitTest, AShutdownReleasesWithTheRightToRetry) {
  this->Start(FailoverError());
  this->buffer().Shutdown();
  EXPECT_EQ(this->answer_.calls, 0);
  EXPECT_EQ(this->RunLoop(), 1u);
  EXPECT_TRUE(this->answer_.released());
  EXPECT_EQ((*this->answer_.result)->released_by(), StopReason::kShutdown);
}

TYPED_TEST(AsioWaitTest, ABufferMayGoBeforeTheLoop) {
  using Type = typename TypeParam::CancellationType;
  typename TypeParam::Signal signal;
  TypeParam::Wait(this->buffer(), {}, this->shard(), FailoverError(),
                  TypeParam::BindSlot(signal, this->OnLoop(this->answer_)));
  this->Destroy();
  signal.emit(Type::terminal);
  EXPECT_EQ(this->RunLoop(), 1u);
  ASSERT_TRUE(this->answer_.released());
  (**this->answer_.result)(FailoverError());
}

// ---- The end of the loop ------------------------------------------------------------------------

TYPED_TEST(AsioWaitTest, ALoopMayGoWhileARequestIsHeld) {
  this->Start(FailoverError());
  this->loop_.reset();
  EXPECT_TRUE(this->answer_.destroyed);
  EXPECT_EQ(this->Stats().requests_held, 0u);
  EXPECT_EQ(this->buffer().Stats().slots_free, 10u);
  this->EndFailover();
  EXPECT_EQ(this->answer_.calls, 0);
}

TYPED_TEST(AsioWaitTest, ALoopMayGoWhileAReleasedRequestWaitsForItsCallback) {
  this->Start(FailoverError());
  this->buffer().StopBuffering(this->shard());
  this->loop_.reset();
  EXPECT_TRUE(this->answer_.destroyed);
  EXPECT_EQ(this->buffer().Stats().slots_free, 10u);
  this->PollAll();
  EXPECT_EQ(this->answer_.calls, 0);
}

TYPED_TEST(AsioWaitTest, ALoopMayGoWhileACancelledRequestWaitsForItsCallback) {
  typename TypeParam::Signal signal;
  TypeParam::Wait(this->buffer(), {}, this->shard(), FailoverError(),
                  TypeParam::BindSlot(signal, this->OnLoop(this->answer_)));
  signal.emit(TypeParam::CancellationType::terminal);
  this->loop_.reset();
  EXPECT_TRUE(this->answer_.destroyed);
  this->PollAll();
  EXPECT_EQ(this->answer_.calls, 0);
  signal.emit(TypeParam::CancellationType::terminal);
}

TYPED_TEST(AsioWaitTest, ATokenThatIsPostedEndsWithTheLoop) {
  this->Start(FailoverError());
  this->EndFailover();
  EXPECT_EQ(this->Stats().requests_retrying, 1u);
  this->loop_.reset();
  EXPECT_TRUE(this->answer_.destroyed);
  EXPECT_EQ(this->answer_.calls, 0);
  EXPECT_EQ(this->Stats().requests_retrying, 0u);
}

TYPED_TEST(AsioWaitTest, TheBufferAndThenTheLoopMayGo) {
  this->Start(FailoverError());
  this->Destroy();
  this->loop_.reset();
  EXPECT_TRUE(this->answer_.destroyed);
  EXPECT_EQ(this->answer_.calls, 0);
}

// The handler waits on the loop that is being destroyed.
TYPED_TEST(AsioWaitTest, AWaitThatBeginsInTheEndOfItsLoopIsDestroyed) {
  struct WaitsInItsEnd {
    ~WaitsInItsEnd() { wait(); }
    std::function<void()> wait;
  };
  Answer late;
  auto last_act = std::make_unique<WaitsInItsEnd>();
  last_act->wait = [this, &late] {
    TypeParam::Wait(this->buffer(), {}, this->shard(), FailoverError(), this->OnLoop(late));
  };
  TypeParam::Wait(this->buffer(), {}, this->shard(), FailoverError(),
                  TypeParam::Bind(this->loop_->get_executor(),
                                  [last_act = std::move(last_act)](const Result&) {}));
  this->loop_.reset();
  EXPECT_TRUE(late.destroyed);
  EXPECT_EQ(late.calls, 0);
  EXPECT_EQ(this->buffer().Stats().slots_free, 10u);
}

}  // namespace
}  // namespace failover::test

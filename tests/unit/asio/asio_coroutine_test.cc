// These tests cover the waits of Asio's coroutines, and tokens that start the wait later.
#include <gtest/gtest.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/deferred.hpp>
#include <asio/use_awaitable.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asio_test.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

// What the two Asios call differently in coroutines.
struct StandaloneCoroutines : Standalone {
  template <class T>
  using Awaitable = ::asio::awaitable<T>;
  static constexpr auto kUseAwaitable = ::asio::use_awaitable;
  static constexpr auto kDeferred = ::asio::experimental::deferred;
  template <class Coroutine, class Token>
  static void Spawn(const Executor& executor, Coroutine&& coroutine, Token&& token) {
    ::asio::co_spawn(executor, std::forward<Coroutine>(coroutine), std::forward<Token>(token));
  }
};
struct BoostCoroutines : Boost {
  template <class T>
  using Awaitable = ::boost::asio::awaitable<T>;
  static constexpr auto kUseAwaitable = ::boost::asio::use_awaitable;
  static constexpr auto kDeferred = ::boost::asio::deferred;
  template <class Coroutine, class Token>
  static void Spawn(const Executor& executor, Coroutine&& coroutine, Token&& token) {
    ::boost::asio::co_spawn(executor, std::forward<Coroutine>(coroutine),
                            std::forward<Token>(token));
  }
};

struct CoroutineName {
  template <class Net>
  static std::string GetName(int /*index*/) {
    return std::is_base_of_v<Standalone, Net> ? "Standalone" : "Boost";
  }
};

template <class Net>
class AsioCoroutineTest : public AsioTest<Net> {
 protected:
  using Task = typename Net::template Awaitable<void>;

  // A coroutine that waits once and notes the answer.
  Task WaitOnce(absl::Status error) {
    struct NoteEnd {
      ~NoteEnd() { answer.destroyed = true; }
      Answer& answer;
    } const note_end{this->answer_};
    Result result = co_await Net::Wait(this->buffer(), RequestContext(), this->shard(), error,
                                       Net::kUseAwaitable);
    ++this->answer_.calls;
    this->answer_.result.emplace(std::move(result));
  }

  void Spawn(absl::Status error) {
    Net::Spawn(this->executor_, WaitOnce(std::move(error)), IgnoreEnd());
  }

  static auto IgnoreEnd() {
    return [](const std::exception_ptr&) {};
  }
};
using BothCoroutines = ::testing::Types<StandaloneCoroutines, BoostCoroutines>;
TYPED_TEST_SUITE(AsioCoroutineTest, BothCoroutines, CoroutineName);

TYPED_TEST(AsioCoroutineTest, ACoroutineGoesOnWhenNothingIsHeld) {
  this->Spawn(absl::OkStatus());
  this->RunLoop();
  EXPECT_TRUE(this->answer_.passed());
}

TYPED_TEST(AsioCoroutineTest, AHeldCoroutineIsResumedByItsLoop) {
  this->Spawn(FailoverError());
  this->loop_->poll();
  EXPECT_EQ(this->Stats().requests_held, 1u);
  this->EndFailover();
  EXPECT_EQ(this->answer_.calls, 0);
  this->RunLoop();
  EXPECT_TRUE(this->answer_.released());
}

TYPED_TEST(AsioCoroutineTest, ACancelledCoroutineGetsTheError) {
  typename TypeParam::Signal signal;
  TypeParam::Spawn(this->executor_, this->WaitOnce(FailoverError()),
                   TypeParam::BindSlot(signal, this->IgnoreEnd()));
  this->loop_->poll();
  signal.emit(TypeParam::CancellationType::terminal);
  // Later versions of Asio carry the cancel of a coroutine through its executor.
  this->loop_->poll();
  this->PollAll();
  this->RunLoop();
  EXPECT_EQ(this->answer_.reason(), BufferErrorReason::kCancelled);
}

TYPED_TEST(AsioCoroutineTest, ASuspendedCoroutineEndsWithItsLoop) {
  this->Spawn(FailoverError());
  this->loop_->poll();
  this->loop_.reset();
  EXPECT_TRUE(this->answer_.destroyed);
  EXPECT_EQ(this->answer_.calls, 0);
  EXPECT_EQ(this->buffer().Stats().slots_free, 10u);
}

TYPED_TEST(AsioCoroutineTest, ACoroutineThatIsPostedEndsWithItsLoop) {
  this->Spawn(FailoverError());
  this->loop_->poll();
  this->EndFailover();
  this->loop_.reset();
  EXPECT_TRUE(this->answer_.destroyed);
  EXPECT_EQ(this->answer_.calls, 0);
  EXPECT_EQ(this->buffer().Stats().slots_free, 10u);
}

// The Status and the text that the operation was made from are gone when the operation starts.
TYPED_TEST(AsioCoroutineTest, ADeferredWaitOwnsTheErrorThatItWasMadeFrom) {
  auto deferred = [this] {
    const absl::Status error = FailoverError();
    return TypeParam::Wait(this->buffer(), {}, this->shard(), error, TypeParam::kDeferred);
  }();
  auto with_text = [this] {
    const std::string why = absl::StrCat("a text that is too long to be kept in the string ", 1);
    return TypeParam::Wait(this->buffer(), {}, this->Shard("other"),
                           LastAttempt(Attempt::kRefused, why), TypeParam::kDeferred);
  }();
  EXPECT_EQ(this->Stats().requests_held, 0u);
  Answer other;
  std::move(deferred)(this->OnLoop(this->answer_));
  std::move(with_text)(this->OnLoop(other));
  EXPECT_EQ(this->Stats().requests_held, 1u);
  EXPECT_EQ(this->Stats("other").requests_held, 1u);
  EXPECT_EQ(this->log_.Count("too long to be kept in the string 1"), 1u);
  this->EndFailover();
  this->EndFailover("other");
  this->RunLoop();
  EXPECT_TRUE(this->answer_.released());
  EXPECT_TRUE(other.released());
}

TYPED_TEST(AsioCoroutineTest, ADeferredWaitThatIsNeverStartedEndsItsToken) {
  this->Start(FailoverError());
  this->EndFailover();
  this->RunLoop();
  ASSERT_TRUE(this->answer_.released());
  {
    auto deferred = TypeParam::Wait(
        this->buffer(), {}, this->shard(),
        LastAttempt(Attempt::kRefused).After(**std::exchange(this->answer_.result, {})),
        TypeParam::kDeferred);
    EXPECT_EQ(this->Stats().requests_retrying, 1u);
  }
  EXPECT_EQ(this->Stats().requests_retrying, 0u);
}

}  // namespace
}  // namespace failover::test

// These tests cover BufferOptions::caused_by_failover, which replaces CausedByFailover.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

class ClassifierTest : public BufferTest {
 protected:
  ClassifierTest() {
    BufferOptions options = ManualOptions();
    options.caused_by_failover = [this](const absl::Status& error) {
      ++asked_;
      if (on_question_) on_question_();
      return error.code() == absl::StatusCode::kAborted;
    };
    Create(options);
  }
  AsyncRequest Submit(const absl::Status& error) {
    return AsyncRequest(buffer(), shard(), error, {});
  }

  int asked_ = 0;
  std::function<void()> on_question_;
};

TEST_F(ClassifierTest, ItDecidesAlone) {
  EXPECT_TRUE(Submit(FailoverError()).passed());
  const AsyncRequest request = Submit(absl::AbortedError("mine"));
  EXPECT_TRUE(request.held());
}

TEST_F(ClassifierTest, IsFailoverAsksIt) {
  EXPECT_TRUE(buffer().IsFailover(absl::AbortedError("mine")));
  EXPECT_FALSE(buffer().IsFailover(FailoverError()));
}

TEST_F(ClassifierTest, OkIsNeverAFailover) {
  BufferOptions options = ManualOptions();
  options.caused_by_failover = [](const absl::Status&) { return true; };
  Create(options);
  EXPECT_FALSE(buffer().IsFailover(absl::OkStatus()));
  EXPECT_TRUE(Request().passed());
}

TEST_F(ClassifierTest, WithoutOneTheDefaultDecides) {
  Create(ManualOptions());
  EXPECT_TRUE(buffer().IsFailover(FailoverError()));
  EXPECT_FALSE(buffer().IsFailover(OtherError()));
  EXPECT_TRUE(buffer().IsFailover(MarkCausedByFailover(OtherError())));
}

TEST_F(ClassifierTest, ItIsAskedOncePerFailedRequest) {
  const AsyncRequest request = Submit(absl::AbortedError("mine"));
  EXPECT_EQ(asked_, 1);
}

TEST_F(ClassifierTest, ItIsNotAskedAboutRequestsThatHaveNotFailed) {
  EXPECT_TRUE(Submit(absl::OkStatus()).passed());
  EXPECT_EQ(asked_, 0);
}

// If the classifier ran under a lock, the other thread would block for ever.
TEST_F(ClassifierTest, ItIsNotUnderALock) {
  const ShardHandle handle = shard();
  on_question_ = [this] {
    std::thread other([this] {
      EXPECT_EQ(Stats().state, State::kIdle);
      EXPECT_TRUE(Shard("new"));
    });
    other.join();
  };
  const AsyncRequest request(buffer(), handle, absl::AbortedError("mine"), {});
  EXPECT_TRUE(request.held());
}

}  // namespace
}  // namespace failover::test

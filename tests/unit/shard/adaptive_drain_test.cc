// These tests cover how many retries a drain lets go at the same time (docs/design.md, "The
// drain").
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <queue>
#include <utility>
#include <vector>

#include "support/evidence_test.h"

namespace failover::test {
namespace {

class AdaptiveDrainTest : public EvidenceTest {
 protected:
  void Hold(int count, const RequestContext& context) {
    for (int i = 0; i < count; ++i) requests_.push_back(Fail(context));
  }
  int Released() {
    int released = 0;
    for (const AsyncRequest& request : requests_) released += request.released() ? 1 : 0;
    return released;
  }
  // Ends the retry of request `index`, and returns how many more were let go.
  int ReleasedBy(std::size_t index, Attempt outcome) {
    const int before = Released();
    Tell(requests_[index], outcome);
    return Released() - before;
  }
  void TearDown() override {
    requests_.clear();
    EvidenceTest::TearDown();
  }
  std::vector<AsyncRequest> requests_;
};

TEST_F(AdaptiveDrainTest, EachSuccessLetsOneMoreGo) {
  Hold(10, Returning());
  EndFailover();
  EXPECT_EQ(Released(), 1);
  EXPECT_EQ(ReleasedBy(0, Attempt::kSucceeded), 2);
  EXPECT_EQ(ReleasedBy(1, Attempt::kSucceeded), 2);
  EXPECT_EQ(ReleasedBy(2, Attempt::kSucceeded), 2);
}

TEST_F(AdaptiveDrainTest, WithoutMayProbeTheConcurrencyStays) {
  Hold(5, {});
  EndFailover();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(ReleasedBy(i, Attempt::kSucceeded), 1);
}

TEST_F(AdaptiveDrainTest, AnErrorOfTheStatementChangesNothing) {
  Hold(5, Returning());
  EndFailover();
  EXPECT_EQ(ReleasedBy(0, Attempt::kFailed), 1);
  EXPECT_EQ(ReleasedBy(1, Attempt::kNone), 1);
  EXPECT_EQ(ReleasedBy(2, Attempt::kSucceeded), 2);
}

TEST_F(AdaptiveDrainTest, NoAnswerHalvesIt) {
  BufferOptions options = ManualOptions();
  options.drain_concurrency = 4;
  Create(options);
  Hold(10, Returning());
  EndFailover();
  ASSERT_EQ(Released(), 4);
  EXPECT_EQ(ReleasedBy(0, Attempt::kUnknown), 0) << "two of three keep their turn";
  EXPECT_EQ(ReleasedBy(1, Attempt::kFailed), 0);
  EXPECT_EQ(ReleasedBy(2, Attempt::kFailed), 1);
}

TEST_F(AdaptiveDrainTest, ATimeoutHalvesIt) {
  BufferOptions options = ManualOptions();
  options.drain_concurrency = 2;
  Create(options);
  Hold(6, Returning());
  EndFailover();
  ASSERT_EQ(Released(), 2);
  requests_[0].token()(absl::DeadlineExceededError("no answer"));
  PollAll();
  EXPECT_EQ(Released(), 2);
  EXPECT_EQ(ReleasedBy(1, Attempt::kFailed), 1);
}

TEST_F(AdaptiveDrainTest, OneIsTheLeast) {
  Hold(5, Returning());
  EndFailover();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(ReleasedBy(i, Attempt::kUnknown), 1);
}

TEST_F(AdaptiveDrainTest, WithoutMayProbeNothingHalvesIt) {
  BufferOptions options = ManualOptions();
  options.drain_concurrency = 2;
  Create(options);
  Hold(6, {});
  EndFailover();
  EXPECT_EQ(ReleasedBy(0, Attempt::kUnknown), 1);
}

TEST_F(AdaptiveDrainTest, TheHighestIsAnOption) {
  BufferOptions options = ManualOptions();
  options.drain_concurrency_max = 2;
  Create(options);
  Hold(8, Returning());
  EndFailover();
  EXPECT_EQ(ReleasedBy(0, Attempt::kSucceeded), 2);
  EXPECT_EQ(ReleasedBy(1, Attempt::kSucceeded), 1);
}

TEST_F(AdaptiveDrainTest, AHighestBelowTheConcurrencyCountsAsTheConcurrency) {
  BufferOptions options = ManualOptions();
  options.drain_concurrency = 4;
  options.drain_concurrency_max = 2;
  Create(options);
  Hold(8, Returning());
  EndFailover();
  EXPECT_EQ(Released(), 4);
}

TEST_F(AdaptiveDrainTest, EachDrainBeginsAnew) {
  Hear(1, true, 100);
  Hold(8, Returning());
  Hear(2, true, 200);
  EXPECT_EQ(ReleasedBy(0, Attempt::kSucceeded), 2);
  EXPECT_EQ(ReleasedBy(1, Attempt::kSucceeded), 2);
  Hear(2, false, 200);
  const int before = Released();
  Hear(3, true, 300);
  EXPECT_EQ(Released() - before, 1);
}

// ---- The herd: 1,000 requests of 5 ms each
// ------------------------------------------------------------

// The retries that are under way, and when each ends.
class Herd {
 public:
  Herd(Buffer& buffer, ShardHandle shard, SimulatedClock& clock, const RequestContext& context)
      : clock_(clock) {
    for (int i = 0; i < 1000; ++i) {
      absl::StatusOr<BufferedRequest> request = buffer.WaitForFailoverEndAsync(
          context, shard, Attempt::kRefused, [this](absl::StatusOr<RetryDoneFunc> done) {
            if (!done.ok()) return;
            retries_.push({clock_.Now() + absl::Milliseconds(5), *std::move(done)});
            peak_ = std::max(peak_, retries_.size());
          });
      if (request.ok()) request->Detach();
    }
  }

  std::size_t under_way() const { return retries_.size(); }
  std::size_t peak() const { return peak_; }
  // Ends the retries whose time is over.
  void EndDue() {
    while (!retries_.empty() && retries_.front().first <= clock_.Now()) {
      RetryDoneFunc done = std::move(retries_.front().second);
      retries_.pop();
      done(Attempt::kSucceeded);
    }
  }

 private:
  SimulatedClock& clock_;
  std::queue<std::pair<absl::Time, RetryDoneFunc>> retries_;
  std::size_t peak_ = 0;
};

class HerdTest : public EvidenceTest {
 protected:
  // Returns how long the drain takes.
  absl::Duration Drain(Herd& herd) {
    EndFailover();
    first_ = herd.under_way();
    absl::Duration passed;
    while (state() != State::kIdle && passed < absl::Minutes(1)) {
      clock_.Advance(absl::Milliseconds(1));
      passed += absl::Milliseconds(1);
      herd.EndDue();
      PollAll();
    }
    return passed;
  }
  void SetUp() override {
    BufferOptions options = ManualOptions();
    options.size = 1000;
    Create(options);
  }
  std::size_t first_ = 0;
};

TEST_F(HerdTest, IsDrainedInHalfASecond) {
  Herd herd(buffer(), shard(), clock_, Returning());
  EXPECT_LT(Drain(herd), absl::Milliseconds(500));
  EXPECT_EQ(first_, 1u) << "it begins with drain_concurrency";
  EXPECT_EQ(herd.peak(), 32u);
  EXPECT_EQ(Stats().requests_drained, 1000u);
}

TEST_F(HerdTest, WithoutMayProbeOneAtATime) {
  BufferOptions options = ManualOptions();
  options.size = 1000;
  options.drain_concurrency = 3;
  Create(options);
  Herd herd(buffer(), shard(), clock_, {});
  EXPECT_GT(Drain(herd), absl::Milliseconds(1600));
  EXPECT_EQ(first_, 3u);
  EXPECT_EQ(herd.peak(), 3u);
}

}  // namespace
}  // namespace failover::test

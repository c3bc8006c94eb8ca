// These tests cover BufferOptions::log: which lines the function gets, and what it may do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "failover/log.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class LogFunctionTest : public BufferTest {
 protected:
  // The first Buffer of the fixture has logged to log_.
  LogFunctionTest() { log_.Clear(); }

  BufferOptions LoggingOptions(LogFunction log) {
    BufferOptions options = ManualOptions();
    options.log = std::move(log);
    return options;
  }

  // Returns a function that appends each line to `lines`.
  static LogFunction AppendTo(std::vector<std::string>& lines) {
    return [&lines](LogLevel level, std::string_view line) {
      lines.push_back(std::string(ToString(level)) + ": " + std::string(line));
    };
  }

  // Holds a request and lets it go, so that all lines of a failover are logged.
  void AWholeFailover() {
    AsyncRequest request = Fail();
    EndFailover();
    request.EndRetry();
  }

  // The Buffer of the fixture may log until the tear-down, so these are no variables of the tests.
  std::vector<std::string> lines_;
  std::vector<LogLevel> levels_;
  std::optional<AsyncRequest> inner_;
};

TEST_F(LogFunctionTest, TheFunctionGetsAllLinesAndTheLoggerNone) {
  Create(LoggingOptions(AppendTo(lines_)));
  AWholeFailover();
  EXPECT_THAT(lines_, ElementsAre("info: buffering is enabled for all shards",
                                  StartsWith("info: shard ks/0: starting buffering"),
                                  StartsWith("info: shard ks/0: stopping buffering"),
                                  StartsWith("info: shard ks/0: drain finished")));
  EXPECT_THAT(log_.lines(), IsEmpty());
}

TEST_F(LogFunctionTest, EachBufferHasItsOwnFunction) {
  std::vector<std::string> others;
  Create(LoggingOptions(AppendTo(lines_)));
  const std::unique_ptr<Buffer> other = *Buffer::Create(LoggingOptions(AppendTo(others)));
  lines_.clear();
  others.clear();
  ASSERT_TRUE(other->StartBuffering(other->GetShard("other", "0"), "a test"));
  EXPECT_THAT(lines_, IsEmpty());
  EXPECT_THAT(others, ElementsAre(HasSubstr("shard other/0: starting buffering")));
}

TEST_F(LogFunctionTest, TheLevelIsToldApart) {
  Create(LoggingOptions([this](LogLevel level, std::string_view) { levels_.push_back(level); }));
  const AsyncRequest request = Fail();
  Advance(absl::Seconds(20));
  EXPECT_THAT(levels_,
              ElementsAre(LogLevel::kInfo, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kInfo));
}

TEST_F(LogFunctionTest, LinesThatAreLoggedOnceReachTheFunction) {
  Create(LoggingOptions(AppendTo(lines_)));
  lines_.clear();
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(AsyncRequest(buffer(), ShardHandle(), absl::OkStatus(), {}).passed());
    const absl::StatusOr<RetryDoneFunc> done =
        buffer().WaitForFailoverEnd({}, ShardHandle(), FailoverError());
    EXPECT_TRUE(done.ok());
    TabletStats early = PrimaryReport(1, true, 1);
    early.observed_at = clock_.Now() + absl::Hours(1);
    buffer().StatsUpdate(early);
  }
  EXPECT_THAT(lines_, ElementsAre(StartsWith("warning: a request came with an inert ShardHandle"),
                                  StartsWith("warning: a health report was observed later")));
}

TEST_F(LogFunctionTest, AnExceptionHarmsNobody) {
  Create(LoggingOptions(
      [](LogLevel, std::string_view) { throw std::runtime_error("the disk is full"); }));
  AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
  EndFailover();
  EXPECT_TRUE(request.released());
  request.EndRetry();
  EXPECT_EQ(Stats().state, State::kIdle);
}

// If the function ran under a lock, the other thread would block for ever.
TEST_F(LogFunctionTest, NoLockIsHeld) {
  Create(LoggingOptions([this](LogLevel level, std::string_view) {
    levels_.push_back(level);
    // The first line comes from Create, where there is no Buffer to look at yet.
    if (levels_.size() == 1) return;
    std::thread other([this] {
      Stats();
      Shard("new");
      Report(7, false, 0, "new");
    });
    other.join();
  }));
  AWholeFailover();
  EXPECT_EQ(levels_.size(), 4u);
}

TEST_F(LogFunctionTest, ItMayCallTheBufferEvenInsidePoll) {
  Create(LoggingOptions([this](LogLevel level, std::string_view line) {
    AppendTo(lines_)(level, line);
    if (line.find("ks/0: stopping") == std::string_view::npos) return;
    EXPECT_EQ(Stats().state, State::kIdle);
    // Holding a request of another shard logs a line inside the call for this line.
    inner_.emplace(buffer(), Shard("1"), FailoverError(), RequestContext());
    Report(1, true, 1, "1");
  }));
  { const AsyncRequest cancelled = Fail(); }
  // The time of the failover is over inside Poll, which logs.
  Advance(absl::Seconds(20));
  ASSERT_TRUE(inner_.has_value());
  EXPECT_TRUE(inner_->held());
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("enabled"), HasSubstr("ks/0: starting"),
                                  HasSubstr("ks/0: stopping"), HasSubstr("ks/1: starting"),
                                  HasSubstr("ks/1: stopping"), HasSubstr("ks/0: drain finished")));
  PollAll();
  EXPECT_TRUE(inner_->released());
  inner_.reset();
}

TEST_F(LogFunctionTest, AfterTheBufferItIsNotCalled) {
  std::unique_ptr<Buffer> mine = *Buffer::Create(LoggingOptions(AppendTo(lines_)));
  const ShardHandle its_shard = mine->GetShard("ks", "0");
  AsyncRequest request(*mine, its_shard, FailoverError(), {});
  ASSERT_TRUE(mine->StopBuffering(its_shard));
  mine->Poll();
  ASSERT_TRUE(request.released());
  mine.reset();
  lines_.clear();
  request.token()(FailoverError());
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(LogFunctionTest, TheLevelsHaveNames) {
  EXPECT_EQ(ToString(LogLevel::kInfo), "info");
  EXPECT_EQ(ToString(LogLevel::kWarning), "warning");
  EXPECT_EQ(ToString(LogLevel::kError), "error");
}

}  // namespace
}  // namespace failover::test

// These tests cover what the log says, which logger receives the lines, and what the log never
// says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class LogTest : public BufferTest {
 protected:
  LogTest() { log_.Clear(); }

  // Returns the line that contains `part`, and expects that there is exactly one such line.
  std::string Line(const std::string& part) {
    const std::vector<std::string> lines = log_.LinesWith(part);
    EXPECT_EQ(lines.size(), 1u) << part;
    return lines.empty() ? "" : lines.front();
  }
};

// ---- Start-up ----------------------------------------------------------------------------------

TEST_F(LogTest, Enabled) {
  Create(ManualOptions());
  EXPECT_THAT(log_.lines(), ElementsAre("info: buffering is enabled for all shards"));
}

TEST_F(LogTest, EnabledForSome) {
  BufferOptions options = ManualOptions();
  options.keyspace_shards = "ks1,ks2/0";
  Create(options);
  EXPECT_THAT(log_.lines(), ElementsAre("info: buffering is enabled for ks1,ks2/0"));
}

TEST_F(LogTest, EnabledForSomeAndDryRunForTheOthers) {
  BufferOptions options = ManualOptions();
  options.keyspace_shards = "ks1";
  options.dry_run = true;
  Create(options);
  EXPECT_THAT(log_.lines(),
              ElementsAre("info: buffering is enabled for ks1; dry run for all other shards"));
}

TEST_F(LogTest, DryRun) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  options.dry_run = true;
  Create(options);
  EXPECT_THAT(log_.lines(), ElementsAre("info: dry run for all shards"));
}

TEST_F(LogTest, NotEnabled) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  Create(options);
  EXPECT_THAT(log_.lines(), ElementsAre("info: buffering is not enabled"));
}

// ---- A failover --------------------------------------------------------------------------------

TEST_F(LogTest, TheStart) {
  const AsyncRequest request = Fail();
  EXPECT_THAT(Line("starting buffering"),
              AllOf(StartsWith("info: "), HasSubstr("shard ks/0"), HasSubstr("window 10s"),
                    HasSubstr("size 10"), HasSubstr("max failover duration 20s"),
                    HasSubstr("because of: FAILED_PRECONDITION (errno 1290) (sqlstate HY000)")));
}

TEST_F(LogTest, OnlyTheFirstRequestOfAFailoverIsALine) {
  const AsyncRequest first = Fail();
  const AsyncRequest second = Fail();
  EXPECT_EQ(log_.lines().size(), 1u);
}

TEST_F(LogTest, TheStopAndTheDrain) {
  AsyncRequest first = Fail();
  AsyncRequest second = Request();
  clock_.Advance(absl::Milliseconds(3200));
  EndFailover();
  EXPECT_THAT(Line("stopping buffering"),
              AllOf(StartsWith("info: "), HasSubstr("shard ks/0"), HasSubstr("after 3.2s"),
                    HasSubstr("a new primary was seen"), HasSubstr("requests to drain: 2")));
  clock_.Advance(absl::Milliseconds(600));
  first.EndRetry();
  PollAll();
  EXPECT_EQ(log_.Count("drain finished"), 0u);
  second.EndRetry();
  EXPECT_THAT(Line("drain finished"),
              AllOf(StartsWith("info: "), HasSubstr("shard ks/0"), HasSubstr("after 0.6s"),
                    HasSubstr("requests drained: 2")));
}

TEST_F(LogTest, TheTimeOfADrainIsNotThatOfASlowSink) {
  ASSERT_TRUE(buffer().StartBuffering(shard(), "a test"));
  log_.OnLine([this] { clock_.Advance(absl::Seconds(3)); });
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  EXPECT_THAT(Line("drain finished"), HasSubstr("after 0.0s"));
}

TEST_F(LogTest, EveryReasonToStopIsExplained) {
  const auto stop = [this](const auto& end) {
    AdvanceBeyondGuards();
    log_.Clear();
    EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
    end();
    return Line("stopping buffering");
  };
  const auto event = [this](bool serving, MoveTablesState moving) {
    buffer().HandleKeyspaceEvent(
        {"ks", {{{}, {"ks", "0", TabletType::kPrimary}, serving}}, moving});
  };
  EXPECT_THAT(stop([this] { Report(1, true, 1); }), HasSubstr("a new primary was seen"));
  EXPECT_THAT(stop([this] {
                Report(1, false, 1);
                Report(1, true, 1);
              }),
              HasSubstr("the same primary serves again"));
  EXPECT_THAT(stop([this] { Advance(absl::Seconds(20)); }),
              HasSubstr("did not finish within max_failover_duration"));
  EXPECT_THAT(stop([&] { event(false, MoveTablesState::kUnknown); }), HasSubstr("resharded"));
  EXPECT_THAT(stop([&] { event(true, MoveTablesState::kSwitched); }), HasSubstr("MoveTables"));
  EXPECT_THAT(stop([this] { buffer().StopBuffering(shard()); }), HasSubstr("told to stop"));
  EXPECT_THAT(stop([this] { buffer().Shutdown(); }), HasSubstr("shutdown"));
}

TEST_F(LogTest, AFailoverLongerThanTheWindowIsAWarning) {
  const AsyncRequest request = Fail();
  Advance(absl::Seconds(10) + absl::Nanoseconds(1));
  EndFailover();
  EXPECT_THAT(Line("stopping buffering"),
              AllOf(StartsWith("warning: "), HasSubstr("outlasted the window")));
}

TEST_F(LogTest, AFailoverAsLongAsTheWindowIsNot) {
  const AsyncRequest request = Fail();
  Advance(absl::Seconds(10));
  EndFailover();
  EXPECT_THAT(Line("stopping buffering"), StartsWith("info: "));
}

TEST_F(LogTest, NothingIsLoggedForRequestsThatPass) {
  EXPECT_TRUE(Request().passed());
  EXPECT_TRUE(AsyncRequest(buffer(), shard(), OtherError(), {}).passed());
  EXPECT_TRUE(log_.lines().empty());
}

// ---- What the log never says --------------------------------------------------------------------

TEST_F(LogTest, OfAnErrorOnlyTheCodeAndTheNumbersAreShown) {
  const absl::Status error = absl::InternalError(
      "operation not allowed in state NOT_SERVING (errno 1792) (sqlstate 25006) during query: "
      "update users set password = 'hunter2' where mail = 'a@b.example' and pin = 5550123");
  const AsyncRequest request(buffer(), shard(), error, {});
  EXPECT_THAT(Line("starting buffering"),
              HasSubstr("because of: INTERNAL (errno 1792) (sqlstate 25006)"));
  for (const char* const secret : {"hunter2", "a@b.example", "5550123", "update", "users"}) {
    EXPECT_EQ(log_.Count(secret), 0u) << secret;
  }
}

// PostgreSQL has no numbers beside the SQLSTATE.
TEST_F(LogTest, ASqlstateIsShownWithoutANumber) {
  const absl::Status error = MarkCausedByFailover(
      absl::UnavailableError("PostgreSQL FATAL (sqlstate 57P01): terminating hunter2 (errno 7)"));
  const AsyncRequest request(buffer(), shard(), error, {});
  EXPECT_THAT(Line("starting buffering"), EndsWith("because of: UNAVAILABLE (sqlstate 57P01)"));
}

TEST_F(LogTest, ANumberThatDoesNotAdjoinTheSqlstateIsNotShown) {
  const absl::Status error = MarkCausedByFailover(
      absl::UnavailableError("x (errno 7) hunter2 (errno 8x) (sqlstate 57P01): text"));
  const AsyncRequest request(buffer(), shard(), error, {});
  EXPECT_THAT(Line("starting buffering"), EndsWith("because of: UNAVAILABLE (sqlstate 57P01)"));
}

TEST_F(LogTest, AnErrorWithoutNumbersIsItsCode) {
  const absl::Status error = absl::FailedPreconditionError(
      "operation not allowed in state NOT_SERVING: select 'hunter2@example.com'");
  const AsyncRequest request(buffer(), shard(), error, {});
  EXPECT_THAT(Line("starting buffering"), EndsWith("because of: FAILED_PRECONDITION"));
}

TEST_F(LogTest, LiteralsThatLookLikeNumbersOfTheDatabaseAreNotShown) {
  const absl::Status error = absl::FailedPreconditionError(
      "operation not allowed in state NOT_SERVING: insert into t values ('(errno hunter2@example"
      ".com)', '(sqlstate to be or not to be)', '(errno ', '(sqlstate ')");
  const AsyncRequest request(buffer(), shard(), error, {});
  EXPECT_THAT(Line("starting buffering"), EndsWith("because of: FAILED_PRECONDITION"));
}

TEST_F(LogTest, ANameWithALineBreakForgesNoLine) {
  const AsyncRequest request = FailOn(Shard("0\ninfo: all is well\r"));
  EndFailover("0\ninfo: all is well\r");
  ASSERT_FALSE(log_.lines().empty());
  for (const std::string& line : log_.lines()) {
    EXPECT_EQ(line.find_first_of("\n\r"), std::string::npos) << line;
  }
}

TEST_F(LogTest, NoLineOfAWholeFailoverShowsTheQuery) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  Create(options);
  {
    const AsyncRequest evicted = Fail();
    const AsyncRequest window = Fail();
    Advance(absl::Seconds(10));
    EndFailover();
    EXPECT_TRUE(Fail().passed());
  }
  EXPECT_TRUE(Fail().passed());
  buffer().Shutdown();
  EXPECT_GE(log_.lines().size(), 4u);
  // The tear-down of every test searches all log lines for kSecret.
}

// ---- The named logger --------------------------------------------------------------------------

TEST_F(LogTest, TheEmbedderCanReplaceTheLogger) {
  std::ostringstream output;
  spdlog::drop("failover");
  spdlog::register_logger(std::make_shared<spdlog::logger>(
      "failover", std::make_shared<spdlog::sinks::ostream_sink_mt>(output)));
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  EXPECT_THAT(output.str(), HasSubstr("starting buffering"));
  EXPECT_TRUE(log_.lines().empty());
  // The logger must go before the stream that it writes to. What the tear-down logs is not a part
  // of the test's output.
  spdlog::drop("failover");
  spdlog::register_logger(std::make_shared<spdlog::logger>("failover"));
}

TEST_F(LogTest, TheEmbedderCanSilenceTheLogger) {
  spdlog::get("failover")->set_level(spdlog::level::off);
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  EXPECT_TRUE(log_.lines().empty());
}

TEST_F(LogTest, TheEmbedderCanAskForWarningsOnly) {
  spdlog::get("failover")->set_level(spdlog::level::warn);
  const AsyncRequest request = Fail();
  Advance(absl::Seconds(20));
  EXPECT_EQ(log_.lines().size(), 1u);
  EXPECT_EQ(log_.Count("outlasted the window"), 1u);
}

TEST_F(LogTest, WhatIsTooFineForTheLevelStillReachesTheBacktrace) {
  const std::shared_ptr<spdlog::logger> logger = spdlog::get("failover");
  logger->set_level(spdlog::level::warn);
  logger->enable_backtrace(8);
  buffer().StartBuffering(shard(), "a test");
  EXPECT_EQ(log_.Count("starting buffering"), 0u);
  logger->dump_backtrace();
  EXPECT_EQ(log_.Count("starting buffering"), 1u);
}

TEST_F(LogTest, WithoutTheLoggerTheLinesGoToStderr) {
  spdlog::drop("failover");
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Create(ManualOptions());
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  const std::string output = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(output, ContainsRegex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{3}Z failover: "
                                    "info: buffering is enabled for all shards\n"));
  EXPECT_THAT(output, ContainsRegex("failover: info: shard ks/0: starting buffering .*\n$"));
  EXPECT_TRUE(log_.lines().empty());
  // What the tear-down logs is not a part of the test's output.
  spdlog::register_logger(std::make_shared<spdlog::logger>("failover"));
}

TEST_F(LogTest, ABufferRegistersNoLogger) {
  spdlog::drop("failover");
  ::testing::internal::CaptureStderr();
  Create(ManualOptions());
  ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(spdlog::get("failover"), nullptr);
  spdlog::register_logger(std::make_shared<spdlog::logger>("failover"));
}

TEST_F(LogTest, ABufferLeavesALoggerThatIsThereAlone) {
  const std::shared_ptr<spdlog::logger> mine = spdlog::get("failover");
  Create(ManualOptions());
  EXPECT_EQ(spdlog::get("failover"), mine);
}

TEST_F(LogTest, ASinkThatThrowsHarmsNobody) {
  spdlog::get("failover")->set_error_handler([](const std::string&) {});
  log_.OnLine([] { throw std::runtime_error("the disk is full"); });
  const AsyncRequest request = Fail();
  EXPECT_TRUE(request.held());
  log_.OnLine(nullptr);
}

// If the sink ran under a lock, the other thread would block for ever.
TEST_F(LogTest, ASinkIsNotUnderALock) {
  int lines = 0;
  const auto look = [&] {
    ++lines;
    std::thread other([this] {
      Stats();
      Shard("new");
      buffer().Poll();
    });
    other.join();
  };
  log_.OnLine(look);
  {
    AsyncRequest request = Fail();
    Report(1, true, 1);
    PollAll();
    request.EndRetry();
  }
  EXPECT_TRUE(Fail().passed());
  log_.OnLine(nullptr);
  EXPECT_EQ(lines, 4) << "expected: start, stop, drain finished, not starting";
}

}  // namespace
}  // namespace failover::test

// The demonstration must notice what goes wrong, so these tests invent each way to fail once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "demo/audit.h"
#include "demo/pass_result.h"
#include "demo/report.h"
#include "demo/summary.h"

namespace failover_demo {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

RequestRecord Insert(RowId row, Outcome outcome) {
  RequestRecord request;
  request.is_insert = true;
  request.row = row;
  request.outcome = outcome;
  return request;
}

// Returns a request that took place from `begin` to `end`, both in milliseconds.
RequestRecord Request(int begin, int end, Outcome outcome, const std::string& error = "") {
  RequestRecord request;
  request.begin = absl::Milliseconds(begin);
  request.last_attempt = request.begin;
  request.end = absl::Milliseconds(end);
  request.outcome = outcome;
  request.error = error;
  return request;
}

// Returns a pass with a switchover from 1000 to 1100 ms and a crash from 2000 to 3000 ms. The
// server was gone 20 ms after the crash began.
PassResult BufferedPass() {
  PassResult pass;
  pass.buffered = true;
  pass.duration = absl::Milliseconds(4000);
  pass.switchover.begin = absl::Milliseconds(1000);
  pass.switchover.over = absl::Milliseconds(1100);
  pass.crash.begin = absl::Milliseconds(2000);
  pass.crash.gone = absl::Milliseconds(2020);
  pass.crash.over = absl::Milliseconds(3000);
  pass.buffer.requests_buffered = 1;
  pass.audit.acknowledged = 1;
  return pass;
}

std::vector<std::string> FailuresWith(RequestRecord request) {
  PassResult pass = BufferedPass();
  pass.clients = {{std::move(request)}};
  return Failures(pass);
}

TEST(AuditTest, AcknowledgedRowsThatAreThereOncePass) {
  const AuditResult audit =
      Audit({{Insert(1, Outcome::kAnswered)}, {Insert(2, Outcome::kAnswered)}}, {2, 1});
  EXPECT_TRUE(audit.ok());
  EXPECT_EQ(audit.acknowledged, 2);
}

TEST(AuditTest, SeesALostRow) {
  const AuditResult audit = Audit({{Insert(1, Outcome::kAnswered)}}, {});
  EXPECT_FALSE(audit.ok());
  EXPECT_EQ(audit.lost, 1);
}

TEST(AuditTest, SeesADoubledRow) {
  for (const Outcome outcome : {Outcome::kAnswered, Outcome::kFateUnknown}) {
    const AuditResult audit = Audit({{Insert(1, outcome)}}, {1, 1});
    EXPECT_FALSE(audit.ok());
    EXPECT_EQ(audit.doubled, 1);
  }
}

TEST(AuditTest, ARowOfUnknownFateMayBeThereOrNot) {
  const AuditResult audit =
      Audit({{Insert(1, Outcome::kFateUnknown), Insert(2, Outcome::kFateUnknown)}}, {1});
  EXPECT_TRUE(audit.ok());
  EXPECT_EQ(audit.unknown_present, 1);
  EXPECT_EQ(audit.unknown_absent, 1);
}

TEST(AuditTest, SeesARefusedRowThatWasWritten) {
  EXPECT_TRUE(Audit({{Insert(1, Outcome::kRefused)}}, {}).ok());
  EXPECT_EQ(Audit({{Insert(1, Outcome::kRefused)}}, {1}).refused_present, 1);
}

TEST(AuditTest, SeesARowThatNobodyWrote) { EXPECT_EQ(Audit({}, {7}).strangers, 1); }

TEST(AuditTest, SeesAReadThatMissedItsRow) {
  EXPECT_EQ(Audit({{Request(0, 1, Outcome::kRowMissing, "missing")}}, {}).unseen, 1);
}

TEST(VerdictTest, APassWithoutErrorsPasses) {
  EXPECT_THAT(FailuresWith(Request(10, 11, Outcome::kAnswered)), IsEmpty());
}

TEST(VerdictTest, AnErrorInTheSwitchoverFails) {
  EXPECT_THAT(FailuresWith(Request(1010, 1011, Outcome::kRefused, "1290")),
              ElementsAre("client errors in the planned switchover: 1"));
}

TEST(VerdictTest, AnErrorOfUnknownFateInTheSwitchoverFails) {
  EXPECT_THAT(FailuresWith(Request(1010, 1011, Outcome::kFateUnknown, "2013")),
              ElementsAre("client errors in the planned switchover: 1"));
}

TEST(VerdictTest, AStatementInFlightAtTheCrashIsExcused) {
  EXPECT_THAT(FailuresWith(Request(1990, 2001, Outcome::kFateUnknown, "2013")), IsEmpty());
  EXPECT_THAT(FailuresWith(Request(2020, 2021, Outcome::kFateUnknown, "2013")), IsEmpty());
}

TEST(VerdictTest, AStatementSentAfterTheServerWasGoneIsNotExcused) {
  EXPECT_THAT(FailuresWith(Request(2021, 2022, Outcome::kFateUnknown, "2013")),
              ElementsAre("client errors in the crash: 1"));
}

TEST(VerdictTest, ARefusalAtTheCrashIsNotExcused) {
  EXPECT_THAT(FailuresWith(Request(1990, 2001, Outcome::kRefused, "2002")),
              ElementsAre("client errors in the crash: 1"));
}

TEST(VerdictTest, ErrorsAtQuietTimesFail) {
  EXPECT_EQ(FailuresWith(Request(10, 11, Outcome::kRefused, "2002")).size(), 1u);
  EXPECT_EQ(FailuresWith(Request(1500, 1501, Outcome::kRefused, "2002")).size(), 1u);
  EXPECT_EQ(FailuresWith(Request(3500, 3501, Outcome::kRefused, "2002")).size(), 1u);
}

TEST(VerdictTest, ErrorsWithoutTheBufferAreWhatIsExpected) {
  PassResult pass = BufferedPass();
  pass.buffered = false;
  pass.clients = {{Request(1010, 1011, Outcome::kRefused, "1290")}};
  EXPECT_THAT(Failures(pass), IsEmpty());
  pass.audit.lost = 1;
  EXPECT_THAT(Failures(pass), ElementsAre("acknowledged rows that are lost: 1"));
}

TEST(VerdictTest, ABufferThatHeldNothingFails) {
  PassResult pass = BufferedPass();
  pass.buffer.requests_buffered = 0;
  EXPECT_THAT(Failures(pass), ElementsAre("the buffer held nothing"));
}

TEST(SummaryTest, AStallLastsOverErrorsUntilTheNextAnswer) {
  PassResult pass = BufferedPass();
  pass.clients = {{Request(1010, 1012, Outcome::kRefused, "1290"),
                   Request(1030, 1031, Outcome::kRefused, "1290"),
                   Request(1050, 1060, Outcome::kAnswered),
                   Request(1070, 1071, Outcome::kAnswered)}};
  const Summary summary = Summarize(pass);
  const PhaseSummary& switchover = summary[static_cast<std::size_t>(Phase::kSwitchover)];
  EXPECT_EQ(switchover.longest_stall, absl::Milliseconds(50));
  EXPECT_EQ(switchover.requests, 4);
  EXPECT_EQ(switchover.answered, 2);
  EXPECT_EQ(switchover.errors.at("1290"), 2);
  EXPECT_EQ(switchover.p50, absl::Milliseconds(10));
}

TEST(SummaryTest, ARequestThatLivedThroughAFailoverBelongsToIt) {
  const PassResult pass = BufferedPass();
  const auto phase = [&pass](int begin, int end) {
    return PhaseOf(pass, absl::Milliseconds(begin), absl::Milliseconds(end));
  };
  EXPECT_EQ(phase(990, 999), Phase::kBefore);
  EXPECT_EQ(phase(990, 1150), Phase::kSwitchover);
  EXPECT_EQ(phase(1101, 1102), Phase::kBetween);
  EXPECT_EQ(phase(2999, 3100), Phase::kCrash);
  EXPECT_EQ(phase(3001, 3002), Phase::kAfter);
}

}  // namespace
}  // namespace failover_demo

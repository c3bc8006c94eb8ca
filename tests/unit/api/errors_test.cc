// These tests cover which errors mean a failover, and how a Buffer's own errors are told apart.
#include "failover/errors.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace failover {
namespace {

constexpr char kMariaDbReadOnly[] =
    "The MariaDB server is running with the --read-only option so it cannot execute this "
    "statement (errno 1290) (sqlstate HY000)";
constexpr char kMySqlReadOnly[] =
    "The MySQL server is running with the --read-only option so it cannot execute this "
    "statement (errno 1290) (sqlstate HY000)";

std::vector<std::string> FailoverTexts() {
  return {
      "operation not allowed in state NOT_SERVING",
      "operation not allowed in state SHUTTING_DOWN",
      "(errno 1290) (sqlstate HY000) during query: insert into t values (?)",
      kMariaDbReadOnly,
      kMySqlReadOnly,
      "failover in progress (errno 1227) (sqlstate 42000)",
  };
}

// ---- What vttablet sends -----------------------------------------------------------------------

TEST(CausedByFailoverTest, TheTextsOfVttabletWithBothCodes) {
  for (const std::string& text : FailoverTexts()) {
    EXPECT_TRUE(CausedByFailover(absl::FailedPreconditionError(text))) << text;
    EXPECT_TRUE(CausedByFailover(absl::InternalError(text))) << text;
  }
}

TEST(CausedByFailoverTest, TheTextsOf2017HadAWordInFront) {
  for (const std::string& text : FailoverTexts()) {
    EXPECT_TRUE(CausedByFailover(absl::FailedPreconditionError("retry: " + text))) << text;
    EXPECT_TRUE(CausedByFailover(absl::InternalError("fatal: " + text))) << text;
  }
}

TEST(CausedByFailoverTest, TheTextMayStandInTheMiddle) {
  EXPECT_TRUE(CausedByFailover(
      absl::FailedPreconditionError(std::string("target: ks.0.primary: vttablet: rpc error: ") +
                                    kMySqlReadOnly + ", CallerID: app")));
}

TEST(CausedByFailoverTest, ClusterEventWhateverItsText) {
  constexpr auto kClusterEvent = static_cast<absl::StatusCode>(17);
  EXPECT_TRUE(CausedByFailover(absl::Status(kClusterEvent, "")));
  EXPECT_TRUE(CausedByFailover(
      absl::Status(kClusterEvent, "primary is not serving, there may be a reparent operation")));
}

TEST(CausedByFailoverTest, ARuleOfMoveTables) {
  EXPECT_TRUE(CausedByFailover(absl::FailedPreconditionError("disallowed due to rule: moved")));
  EXPECT_FALSE(CausedByFailover(absl::InternalError("disallowed due to rule: moved")));
}

// The bug was that the name of a server option, somewhere in the query, hid the rule of MoveTables.
TEST(CausedByFailoverTest, ARuleOfMoveTablesWhateverElseTheTextSays) {
  EXPECT_TRUE(CausedByFailover(absl::FailedPreconditionError(
      "disallowed due to rule: moved (errno 1290) (sqlstate HY000) during query: insert into t "
      "values ('--secure-file-priv option so it cannot execute this statement')")));
}

// ---- Errors that do not mean a failover --------------------------------------------------------

TEST(CausedByFailoverTest, OkIsNone) { EXPECT_FALSE(CausedByFailover(absl::OkStatus())); }

TEST(CausedByFailoverTest, TheTextsWithAnyOtherCode) {
  for (int code = 1; code <= 16; ++code) {
    const auto status_code = static_cast<absl::StatusCode>(code);
    if (status_code == absl::StatusCode::kFailedPrecondition) continue;
    if (status_code == absl::StatusCode::kInternal) continue;
    for (const std::string& text : FailoverTexts()) {
      EXPECT_FALSE(CausedByFailover(absl::Status(status_code, text))) << code << " " << text;
    }
  }
}

TEST(CausedByFailoverTest, OtherTextsWithTheRightCodes) {
  for (const char* const text : {
           "",
           "no such table",
           "operation not allowed in state SERVING",
           "operation not allowed in state",
           // These two texts name options that do not mean a failover: a DBA sets the first by
           // hand, and the second is about files.
           "The MySQL server is running with the --super-read-only option so it cannot execute "
           "this statement (errno 1290) (sqlstate HY000)",
           "The MySQL server is running with the --secure-file-priv option so it cannot execute "
           "this statement (errno 1290) (sqlstate HY000)",
           // If the text names an option, the short form at its end decides nothing.
           "The MySQL server is running with the --super-read-only option so it cannot execute "
           "this statement (errno 1290) (sqlstate HY000) during query: insert",
           "The MySQL server is running with the --secure-file-priv option so it cannot execute "
           "this statement (errno 1290) (sqlstate HY000) during query: select 1 into outfile 'x'",
           "(errno 1290) (sqlstate HY000)",
           "(errno 1290) (sqlstate 42000) during query: insert",
           "access denied (errno 1227) (sqlstate 42000)",
           "Duplicate entry (errno 1062) (sqlstate 23000) during query: insert",
       }) {
    EXPECT_FALSE(CausedByFailover(absl::FailedPreconditionError(text))) << text;
    EXPECT_FALSE(CausedByFailover(absl::InternalError(text))) << text;
  }
}

TEST(CausedByFailoverTest, ALostConnectionNeverBecauseTheStatementMayHaveBeenExecuted) {
  for (const char* const text : {
           "MySQL server has gone away (errno 2006) (sqlstate HY000)",
           "fatal: MySQL server has gone away (errno 2006) (sqlstate HY000)",
           "Lost connection to MySQL server during query (errno 2013) (sqlstate HY000)",
       }) {
    for (int code = 1; code <= 16; ++code) {
      EXPECT_FALSE(CausedByFailover(absl::Status(static_cast<absl::StatusCode>(code), text)))
          << code << " " << text;
    }
  }
}

TEST(CausedByFailoverTest, TimeoutsAndLostServersAreNone) {
  EXPECT_FALSE(CausedByFailover(absl::DeadlineExceededError("context deadline exceeded")));
  EXPECT_FALSE(CausedByFailover(absl::UnavailableError("connection refused")));
  EXPECT_FALSE(CausedByFailover(absl::CancelledError("context canceled")));
}

// ---- A user's SIGNAL ---------------------------------------------------------------------------

// The text of the SIGNAL is that of a failover, and so is its number.
TEST(CausedByFailoverTest, Proxysql2226_Sqlstate45000IsAlwaysAUsers) {
  for (std::string text : FailoverTexts()) {
    text += " (errno 1290) (sqlstate 45000) during query: call p()";
    EXPECT_FALSE(CausedByFailover(absl::FailedPreconditionError(text))) << text;
    EXPECT_FALSE(CausedByFailover(absl::InternalError(text))) << text;
    EXPECT_FALSE(CausedByFailover(absl::Status(static_cast<absl::StatusCode>(17), text))) << text;
    EXPECT_TRUE(CausedByFailover(MarkCausedByFailover(absl::InternalError(text)))) << text;
  }
  EXPECT_FALSE(CausedByFailover(
      absl::FailedPreconditionError("disallowed due to rule (errno 1644) (sqlstate 45000)")));
}

TEST(CausedByFailoverTest, TheSameFiguresElsewhereAreNoSqlstate) {
  EXPECT_TRUE(CausedByFailover(absl::InternalError(std::string(kMySqlReadOnly) +
                                                   " during query: insert into t values (45000)")));
}

// ---- Errors that the caller marked --------------------------------------------------------------

TEST(MarkCausedByFailoverTest, AnyErrorCanBeMarked) {
  const absl::Status plain = absl::UnavailableError("the primary is in recovery");
  EXPECT_FALSE(CausedByFailover(plain));
  const absl::Status marked = MarkCausedByFailover(plain);
  EXPECT_TRUE(CausedByFailover(marked));
  EXPECT_EQ(marked.code(), plain.code());
  EXPECT_EQ(marked.message(), plain.message());
}

TEST(MarkCausedByFailoverTest, OtherPayloadsStay) {
  absl::Status plain = absl::UnavailableError("x");
  plain.SetPayload("mine", absl::Cord("kept"));
  EXPECT_EQ(MarkCausedByFailover(plain).GetPayload("mine"), absl::Cord("kept"));
}

TEST(MarkCausedByFailoverTest, OkStaysOk) {
  const absl::Status marked = MarkCausedByFailover(absl::OkStatus());
  EXPECT_TRUE(marked.ok());
  EXPECT_FALSE(CausedByFailover(marked));
}

TEST(MarkCausedByFailoverTest, TheMarkSaysWhatWasRefused) {
  const absl::Status plain = absl::UnavailableError("x");
  EXPECT_EQ(RefusedAtOf(MarkCausedByFailover(plain)), RefusedAt::kStatement);
  for (const RefusedAt at : {RefusedAt::kStatement, RefusedAt::kConnect}) {
    const absl::Status marked = MarkCausedByFailover(plain, at);
    EXPECT_TRUE(CausedByFailover(marked));
    EXPECT_EQ(RefusedAtOf(marked), at);
    EXPECT_EQ(RefusedAtOf(MarkCausedByFailover(marked)), at) << "the mark stays";
  }
  const absl::Status twice =
      MarkCausedByFailover(MarkCausedByFailover(plain, RefusedAt::kConnect), RefusedAt::kStatement);
  EXPECT_EQ(RefusedAtOf(twice), RefusedAt::kStatement);
}

TEST(MarkCausedByFailoverTest, WithoutAMarkAStatementWasRefused) {
  EXPECT_EQ(RefusedAtOf(absl::OkStatus()), RefusedAt::kStatement);
  EXPECT_EQ(RefusedAtOf(absl::UnavailableError("x")), RefusedAt::kStatement);
  EXPECT_EQ(RefusedAtOf(absl::FailedPreconditionError(kMySqlReadOnly)), RefusedAt::kStatement);
  const absl::Status ok = MarkCausedByFailover(absl::OkStatus(), RefusedAt::kConnect);
  EXPECT_TRUE(ok.ok());
  EXPECT_EQ(RefusedAtOf(ok), RefusedAt::kStatement);
}

// ---- Reasons -----------------------------------------------------------------------------------

TEST(ReasonOfTest, ErrorsThatAreNotOfABufferHaveNone) {
  EXPECT_EQ(ReasonOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(ReasonOf(absl::UnavailableError("the buffer is full")), std::nullopt);
  EXPECT_EQ(ReasonOf(MarkCausedByFailover(absl::UnavailableError("x"))), std::nullopt);
}

TEST(ReasonOfTest, EveryReasonHasAName) {
  EXPECT_EQ(ToString(BufferErrorReason::kBufferFull), "BufferFull");
  EXPECT_EQ(ToString(BufferErrorReason::kEvicted), "Evicted");
  EXPECT_EQ(ToString(BufferErrorReason::kCancelled), "Cancelled");
  EXPECT_EQ(ToString(BufferErrorReason::kTimeout), "Timeout");
  EXPECT_EQ(ToString(BufferErrorReason::kShardMissing), "ShardMissing");
  EXPECT_EQ(ToString(BufferErrorReason::kWindowOver), "WindowOver");
}

}  // namespace
}  // namespace failover

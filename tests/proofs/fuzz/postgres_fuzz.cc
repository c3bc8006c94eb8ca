// This fuzzer covers the classifier of PostgreSQL's errors. The most important rule: a statement
// whose error counts as a failover is retried, so it must be certain that the statement was not
// executed. The rules stand here a second time, in other words.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "failover/errors.h"
#include "failover/postgres/errors.h"
#include "fuzz_input.h"

namespace failover::fuzz {
namespace {

using postgres::PostgresError;
using postgres::Severity;
using postgres::Source;
using postgres::Statement;
using postgres::StatementKind;

constexpr std::array<std::string_view, 18> kSqlstates = {
    "25006", "57P01", "57P02", "57P03", "57P05", "0A000", "55000", "XX000", "40001",
    "40003", "40P01", "08006", "08007", "08P01", "53300", "23505", "01000", ""};

constexpr std::array<std::string_view, 8> kTexts = {
    "cannot execute INSERT in a read-only transaction",
    "cannot set transaction read-write mode during recovery",
    "cannot use serializable mode in a hot standby",
    "Recovery is in progress",
    "cannot assign OIDs during recovery",
    "could not create socket: Too many open files",
    "terminating connection due to administrator command",
    "operation not allowed in state NOT_SERVING"};

constexpr std::array<std::string_view, 6> kRoutines = {"",
                                                       "ProcessInterrupts",
                                                       "exec_stmt_raise",
                                                       "PLy_elog_impl",
                                                       "pgfdw_report_error",
                                                       "dblink_res_error"};

template <std::size_t kSize>
std::string Choose(FuzzInput& input, const std::array<std::string_view, kSize>& choices) {
  const std::size_t which = input.Below(kSize + 2);
  return which < kSize ? std::string(choices[which]) : input.Line();
}

PostgresError ReadError(FuzzInput& input) {
  PostgresError error;
  error.source = static_cast<Source>(input.Below(4));
  error.severity = static_cast<Severity>(input.Below(6));
  error.sqlstate = Choose(input, kSqlstates);
  error.text = Choose(input, kTexts);
  error.routine = Choose(input, kRoutines);
  return error;
}

Statement ReadStatement(FuzzInput& input) {
  Statement statement;
  statement.send_state = static_cast<postgres::SendState>(input.Below(3));
  statement.kind = static_cast<StatementKind>(input.Below(6));
  const std::uint8_t bits = input.Byte();
  statement.in_transaction = (bits & 1) != 0;
  statement.read_only_requested = (bits & 2) != 0;
  statement.reply_begun = (bits & 4) != 0;
  return statement;
}

// ---- What may be held, in other words than those of the library.

bool IsMadeBySomebodyElse(const PostgresError& error) {
  return error.routine == "exec_stmt_raise" || error.routine == "PLy_elog_impl" ||
         error.routine == "pgfdw_report_error" || error.routine == "dblink_res_error";
}

bool IsRefusalOfAStandby(const PostgresError& error, const Statement& statement) {
  if (error.severity != Severity::kError || IsMadeBySomebodyElse(error)) return false;
  const std::string lower = absl::AsciiStrToLower(error.text);
  const auto says = [&lower](const char* text) { return absl::StrContains(lower, text); };
  const auto begins = [&error](const char* code) { return absl::StartsWith(error.sqlstate, code); };
  if (begins("25006")) return !statement.read_only_requested;
  if (begins("0A000")) {
    return says("cannot set transaction read-write mode during recovery") ||
           says("cannot use serializable mode in a hot standby");
  }
  return (begins("55000") && says("recovery is in progress")) ||
         (begins("XX000") && says("cannot assign oids during recovery"));
}

// Whether a statement that was sent, and of whose reply nothing was passed on, may be held.
bool MayBeHeld(const PostgresError& error, const Statement& statement) {
  if (statement.in_transaction || error.source != Source::kErrorResponse) return false;
  const bool is_fatal = error.severity == Severity::kFatal;
  const bool ended = is_fatal && absl::StartsWith(error.sqlstate, "57P01");
  switch (statement.kind) {
    case StatementKind::kSingle:
    case StatementKind::kPipeline:
      return IsRefusalOfAStandby(error, statement) || (ended && !statement.reply_begun);
    case StatementKind::kBegin:
      return IsRefusalOfAStandby(error, statement) || ended ||
             (is_fatal && absl::StartsWith(error.sqlstate, "57P03"));
    case StatementKind::kCommit:
    case StatementKind::kTwoPhase:
    case StatementKind::kMayCommitInside:
      return false;
  }
  return false;
}

// A client library lost its connection with a BEGIN under way, and could not connect again. The
// BEGIN has no effect, and whether it is held depends on the text of the client. Which texts do is
// tested elsewhere.
bool IsBeginOfAReconnect(const PostgresError& error, const Statement& statement) {
  return statement.kind == StatementKind::kBegin && !statement.in_transaction &&
         error.source == Source::kConnectFailed;
}

void CheckStatus(const absl::Status& status, const PostgresError& error) {
  Require(!status.ok(), "an error stays one");
  const std::optional<PostgresError> kept = postgres::PostgresErrorOf(status);
  Require(kept.has_value() && kept->source == error.source && kept->severity == error.severity &&
              kept->sqlstate == error.sqlstate && kept->text == error.text,
          "a Status keeps the error that it was made from", status.ToString());
  const std::optional<Outcome> outcome = OutcomeOf(status);
  Require(outcome.has_value(), "a Status tells whether the statement was executed");
  Require((status.code() == absl::StatusCode::kUnavailable) == (outcome == Outcome::kNotExecuted) &&
              (status.code() == absl::StatusCode::kAborted) == (outcome == Outcome::kRolledBack),
          "the code agrees with the outcome", status.ToString());
  Require(!CausedByFailover(status) || outcome == Outcome::kNotExecuted,
          "only a statement that was not executed is retried", status.ToString());
  Require((AttemptOf(status) == Attempt::kUnknown) == (outcome == Outcome::kUnknown),
          "an attempt is unknown if its outcome is", status.ToString());
}

void CheckVerdict(const PostgresError& error, const Statement& statement) {
  const absl::Status status = postgres::ToStatus(error, statement);
  CheckStatus(status, error);
  const bool held = CausedByFailover(status);
  switch (statement.send_state) {
    case SendState::kNotSent:
      Require(OutcomeOf(status) == Outcome::kNotExecuted, "what was not sent was not executed");
      Require(!held || RefusedAtOf(status) == RefusedAt::kConnect,
              "what was not sent was refused at connect");
      return;
    case SendState::kSent:
      Require(held == MayBeHeld(error, statement) || IsBeginOfAReconnect(error, statement),
              "what is held agrees with the rules", status.ToString());
      break;
    case SendState::kReplyStarted:
      Require(!held, "nothing is held after a part of its reply was passed on");
      break;
  }
  const bool begins = statement.kind == StatementKind::kBegin && !statement.in_transaction;
  Require(
      begins || error.source == Source::kErrorResponse || OutcomeOf(status) == Outcome::kUnknown,
      "without an ErrorResponse nothing is known", status.ToString());
}

// A caller that knows less about a statement, or knows something against a retry, must not retry
// more.
void CheckDoubt(const PostgresError& error, const Statement& statement) {
  if (CausedByFailover(postgres::ToStatus(error, statement))) return;
  std::array<Statement, 5> doubtful;
  doubtful.fill(statement);
  doubtful[0].kind = StatementKind::kMayCommitInside;
  doubtful[1].in_transaction = true;
  doubtful[2].read_only_requested = true;
  doubtful[3].reply_begun = true;
  doubtful[4].send_state = SendState::kReplyStarted;
  for (std::size_t i = 0; i < doubtful.size(); ++i) {
    // A COMMIT is never held. Whoever takes it for another statement says that it was not one.
    if (i == 0 && statement.send_state == SendState::kNotSent) continue;
    Require(!CausedByFailover(postgres::ToStatus(error, doubtful[i])),
            "a doubtful statement is not retried more often", error.text);
  }
}

void Run(FuzzInput input) {
  const PostgresError error = ReadError(input);
  const Statement statement = ReadStatement(input);
  CheckVerdict(error, statement);
  CheckDoubt(error, statement);
  const std::string word = input.Line();
  Require(postgres::SeverityOf(word) == Severity::kUnknown || absl::AsciiStrToUpper(word) == word,
          "a severity is written in capitals", word);
}

}  // namespace
}  // namespace failover::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  failover::fuzz::Run(failover::fuzz::FuzzInput(data, size));
  return 0;
}

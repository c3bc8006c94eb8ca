// This fuzzer covers the classifiers of errors. The most important rule: a statement whose error
// counts as a failover is retried, so it must be certain that the statement was not executed.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "failover/errors.h"
#include "failover/mysql/errors.h"
#include "fuzz_input.h"

namespace failover::fuzz {
namespace {

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// ---- A second implementation of failover::CausedByFailover.

bool HasTextOfFailover(const std::string& text) {
  if (Contains(text, "operation not allowed in state NOT_SERVING")) return true;
  if (Contains(text, "operation not allowed in state SHUTTING_DOWN")) return true;
  if (Contains(text, "failover in progress (errno 1227) (sqlstate 42000)")) return true;
  for (const char* const flavour : {"MariaDB", "MySQL"}) {
    const std::string whole = std::string("The ") + flavour +
                              " server is running with the --read-only option so it cannot execute "
                              "this statement (errno 1290) (sqlstate HY000)";
    if (Contains(text, whole)) return true;
  }
  // In this short form the text does not tell which option refused the statement.
  return Contains(text, "(errno 1290) (sqlstate HY000) during query:") &&
         !Contains(text, "option so it cannot execute this statement");
}

bool ShouldBeFailover(int code, const std::string& text) {
  constexpr int kInternal = 13;
  constexpr int kFailedPrecondition = 9;
  constexpr int kClusterEvent = 17;
  // A SIGNAL of a user may have any number and any text, but its SQLSTATE is this one.
  if (Contains(text, "(sqlstate 45000)")) return false;
  if (code == kClusterEvent) return true;
  if (code != kInternal && code != kFailedPrecondition) return false;
  return HasTextOfFailover(text) ||
         (code == kFailedPrecondition && Contains(text, "disallowed due to rule"));
}

// The fuzzer gets these pieces whole, so that it need not guess them letter by letter.
constexpr std::array<std::string_view, 11> kPieces = {
    "operation not allowed in state NOT_SERVING",
    "operation not allowed in state SHUTTING_DOWN",
    "The MariaDB server is running with the --read-only option so it cannot execute this statement",
    "The MySQL server is running with the --read-only option so it cannot execute this statement",
    "The MySQL server is running with the --secure-file-priv option so it cannot execute this "
    "statement",
    " (errno 1290) (sqlstate HY000)",
    " during query:",
    "failover in progress (errno 1227) (sqlstate 42000)",
    "disallowed due to rule",
    "(errno 2006) (sqlstate HY000)",
    " (errno 1290) (sqlstate 45000)"};

std::string ReadText(FuzzInput& input) {
  std::string text;
  for (std::size_t pieces = input.Below(5); pieces > 0; --pieces) {
    const std::size_t which = input.Below(kPieces.size() + 2);
    text += which < kPieces.size() ? std::string(kPieces[which]) : input.Line();
  }
  return text + input.Line();
}

void CheckGeneric(FuzzInput& input) {
  const int code = static_cast<int>(input.Below(20));
  const std::string text = ReadText(input);
  const absl::Status status(static_cast<absl::StatusCode>(code), text);
  const bool expected = code != 0 && ShouldBeFailover(code, text);
  Require(CausedByFailover(status) == expected,
          "the documented texts and codes mean a failover, and no others do", status.ToString());
  Require(!ReasonOf(status).has_value(), "an error of another origin has no reason");

  const absl::Status marked = MarkCausedByFailover(status);
  Require(CausedByFailover(marked) == !status.ok(),
          "a marked error counts as a failover, unless it is OK");
  Require(
      RefusedAtOf(status) == RefusedAt::kStatement && RefusedAtOf(marked) == RefusedAt::kStatement,
      "nothing is refused at connect unless a mark says so");
  const absl::Status at_connect = MarkCausedByFailover(status, RefusedAt::kConnect);
  Require(status.ok() || RefusedAtOf(MarkCausedByFailover(at_connect)) == RefusedAt::kConnect,
          "a mark stays");
  Require(marked.raw_code() == status.raw_code() && marked.message() == status.message(),
          "a mark changes neither code nor text");
}

// ---- The classifiers of failover::mysql.

mysql::StatementState ReadState(FuzzInput& input) {
  mysql::StatementState state;
  state.send_state = static_cast<mysql::SendState>(input.Below(3));
  const std::uint8_t bits = input.Byte();
  state.in_transaction = (bits & 1) != 0;
  state.read_only_requested = (bits & 2) != 0;
  state.compound = (bits & 4) != 0;
  return state;
}

constexpr std::string_view kRaisedByUser = "45000";

mysql::MysqlError ReadError(FuzzInput& input) {
  constexpr std::array<std::uint32_t, 20> kNumbers = {1290, 1836, 1792, 1047, 2002, 2006, 2013,
                                                      1053, 1213, 4031, 3100, 9001, 2003, 2005,
                                                      3032, 3781, 3783, 1105, 1644, 8501};
  constexpr std::array<std::string_view, 14> kTexts = {
      "--READ-only",
      "wsrep",
      "initial communication packet",
      "before_commit",
      "disconnected by the server",
      "operation not allowed in state NOT_SERVING",
      "--secure-file-priv",
      "--super_read_only=ON",
      "Max connect timeout reached while reaching hostgroup",
      "The last transaction was aborted due to",
      "Can't connect to server on 'a' (99)",
      "Can't connect to server on 'a' (111)",
      "[Errno -3] Temporary failure in name resolution",
      "SQLSTATE[45000]"};
  mysql::MysqlError error;
  const std::size_t which = input.Below(kNumbers.size() + 4);
  error.number =
      which < kNumbers.size() ? kNumbers[which] : static_cast<std::uint32_t>(input.Number(2));
  const std::size_t text = input.Below(kTexts.size() * 2);
  if (text < kTexts.size()) error.text = kTexts[text];
  // The SQLSTATE may be any five bytes that a server sends. That of a SIGNAL is one in four.
  const std::uint8_t kind = input.Byte();
  for (std::size_t i = (kind & 1) != 0 ? 5 : 0; i > 0; --i) {
    error.sqlstate.push_back(static_cast<char>(input.Byte()));
  }
  if ((kind & 3) == 2) error.sqlstate = kRaisedByUser;
  error.text += ReadText(input);
  return error;
}

// Returns whether the connection was lost with the statement under way. Nobody knows whether such a
// statement was executed.
bool IsLostConnection(const mysql::MysqlError& error, const mysql::StatementState& state) {
  if (state.send_state == mysql::SendState::kNotSent) return false;
  return error.number == 0 || error.number == 2006 || error.number == 2013;
}

void CheckAttempt(const absl::Status& status, mysql::Outcome outcome) {
  const Attempt attempt = AttemptOf(status);
  const bool refused = attempt == Attempt::kRefused || attempt == Attempt::kRefusedAtConnect;
  Require(refused == CausedByFailover(status), "an attempt is repeated if its Status is");
  Require((attempt == Attempt::kUnknown) == (outcome == mysql::Outcome::kUnknown),
          "an attempt is unknown if its outcome is");
  Require(attempt != Attempt::kSucceeded && attempt != Attempt::kNone, "an error is no success");
}

void CheckMysqlStatus(const mysql::ErrorClassifier& classifier, const mysql::MysqlError& error,
                      const mysql::StatementState& state) {
  const absl::Status status = classifier.ToStatus(error, state);
  Require(!status.ok(), "an error stays one");
  const std::optional<mysql::MysqlError> kept = mysql::MysqlErrorOf(status);
  Require(kept.has_value() && kept->number == error.number && kept->sqlstate == error.sqlstate &&
              kept->text == error.text,
          "a Status keeps the error that it was made from", status.ToString());
  const std::optional<mysql::Outcome> outcome = mysql::OutcomeOf(status);
  Require(outcome.has_value(), "a Status tells whether the statement was executed");
  Require(
      (status.code() == absl::StatusCode::kUnavailable) ==
              (outcome == mysql::Outcome::kNotExecuted) &&
          (status.code() == absl::StatusCode::kAborted) == (outcome == mysql::Outcome::kRolledBack),
      "the code agrees with the outcome", status.ToString());
  const bool partly = state.send_state == mysql::SendState::kReplyStarted ||
                      (state.send_state == mysql::SendState::kSent && state.compound);
  Require(!partly || outcome != mysql::Outcome::kNotExecuted,
          "a statement that may have been executed in part is not said to be not executed",
          error.text);
  if (CausedByFailover(status)) {
    Require(outcome == mysql::Outcome::kNotExecuted,
            "only a statement that was not executed is retried");
    Require(!state.in_transaction, "no statement of a transaction is retried");
    Require(error.sqlstate != kRaisedByUser && !Contains(error.text, "(sqlstate 45000)"),
            "the SIGNAL of a user is never a failover", error.text);
    Require(state.send_state != mysql::SendState::kNotSent ||
                RefusedAtOf(status) == RefusedAt::kConnect,
            "what was not sent was refused at connect");
  }
  CheckAttempt(status, *outcome);
}

// A caller that knows less about a statement, or knows something against a retry, must not retry
// more.
void CheckDoubt(const mysql::ErrorClassifier& classifier, const mysql::MysqlError& error,
                const mysql::StatementState& state) {
  if (CausedByFailover(classifier.ToStatus(error, state))) return;
  mysql::StatementState compound = state;
  compound.compound = true;
  mysql::StatementState in_transaction = state;
  in_transaction.in_transaction = true;
  mysql::StatementState read_only = state;
  read_only.read_only_requested = true;
  mysql::StatementState reply_started = state;
  reply_started.send_state = mysql::SendState::kReplyStarted;
  for (const mysql::StatementState& doubtful :
       {compound, in_transaction, read_only, reply_started}) {
    Require(!CausedByFailover(classifier.ToStatus(error, doubtful)),
            "a doubtful statement is not retried more often", error.text);
  }
}

// A text may also name the SQLSTATE. Which texts do is tested elsewhere; here all that might do are
// left out.
bool IsRaisedByUser(const mysql::MysqlError& error) {
  return error.sqlstate == kRaisedByUser || Contains(error.text, kRaisedByUser);
}

void CheckOwnRule(FuzzInput& input, const mysql::MysqlError& error,
                  const mysql::StatementState& state) {
  mysql::ErrorClassifier classifier;
  mysql::Rule rule;
  rule.number = error.number;
  if (input.Bool() && !error.text.empty()) {
    rule.text = error.text.substr(input.Below(std::min<std::size_t>(error.text.size(), 256)));
  }
  rule.when_sent = static_cast<mysql::Outcome>(input.Below(4));
  rule.sign = mysql::FailoverSign::kYes;
  classifier.Add(rule);
  CheckMysqlStatus(classifier, error, state);
  CheckDoubt(classifier, error, state);
  if (state.send_state != mysql::SendState::kSent || state.compound) return;
  if (IsRaisedByUser(error)) return;
  const absl::Status status = classifier.ToStatus(error, state);
  Require(mysql::OutcomeOf(status) == rule.when_sent, "a rule of the user's own comes first");
  Require(CausedByFailover(status) ==
              (rule.when_sent == mysql::Outcome::kNotExecuted && !state.in_transaction),
          "a rule of the user's own comes first");
}

void CheckMysql(FuzzInput& input) {
  const mysql::StatementState state = ReadState(input);
  const mysql::MysqlError error = ReadError(input);
  CheckMysqlStatus(mysql::ErrorClassifier(), error, state);
  CheckDoubt(mysql::ErrorClassifier(), error, state);
  const absl::Status status = mysql::ToStatus(error, state);
  if (IsLostConnection(error, state) && !IsRaisedByUser(error)) {
    Require(mysql::OutcomeOf(status) == mysql::Outcome::kUnknown && !CausedByFailover(status),
            "a statement whose connection was lost is not retried", error.text);
  }
  CheckOwnRule(input, error, state);
}

void Run(FuzzInput input) {
  if (input.Bool()) {
    CheckMysql(input);
  } else {
    CheckGeneric(input);
  }
}

}  // namespace
}  // namespace failover::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  failover::fuzz::Run(failover::fuzz::FuzzInput(data, size));
  return 0;
}

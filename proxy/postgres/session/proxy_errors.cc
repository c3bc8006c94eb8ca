#include "proxy/postgres/session/proxy_errors.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "failover/errors.h"

namespace postgres_proxy {
namespace {

using failover::postgres::Outcome;
using failover::postgres::PostgresError;
using failover::postgres::SendState;
using failover::postgres::Severity;
using failover::postgres::Source;

constexpr char kNotExecutedText[] = "the statement was not executed: ";
constexpr char kCannotConnectNow[] = "57P03";
constexpr char kUnknownResolution[] = "08007";

absl::Status NotSent(const PostgresError& error) {
  failover::postgres::Statement statement;
  statement.send_state = SendState::kNotSent;
  statement.kind = failover::postgres::StatementKind::kSingle;
  return failover::postgres::ToStatus(error, statement);
}

PostgresError Error(Source source, std::string_view sqlstate, std::string text) {
  PostgresError error;
  error.source = source;
  error.severity = source == Source::kErrorResponse ? Severity::kError : Severity::kUnknown;
  error.sqlstate = sqlstate;
  error.text = std::move(text);
  return error;
}

std::string Text(std::string_view first, std::string_view second) {
  return std::string(first).append(second);
}

}  // namespace

absl::Status CannotConnect(std::string_view backend, std::string_view why) {
  return NotSent(
      Error(Source::kConnectFailed, kCannotConnectNow,
            absl::StrCat("cannot connect to ", std::string(backend), ": ", std::string(why))));
}

absl::Status ConnectionWasGone(std::string_view why) {
  return NotSent(Error(Source::kConnectionLost, kCannotConnectNow,
                       Text("the connection to the backend was gone: ", why)));
}

// Pools throw a connection with this SQLSTATE away, which is right: the session has lost what its
// user relies on.
absl::Status SessionLost(std::string_view what) {
  return NotSent(
      Error(Source::kErrorResponse, "08006",
            absl::StrCat(kNotExecutedText, "the session got another connection and lost ",
                         std::string(what))));
}

// Applications know this SQLSTATE as: start the transaction again.
absl::Status TransactionRolledBack(std::string_view why) {
  return NotSent(Error(Source::kErrorResponse, "40001",
                       Text("the transaction was rolled back, start it again: ", why)));
}

absl::Status NoLongerKnown(std::string_view user) {
  return NotSent(Error(
      Source::kErrorResponse, "28000",
      absl::StrCat(kNotExecutedText, "the role ", std::string(user), " may no longer log in")));
}

absl::Status Refused(std::string_view sqlstate, std::string_view text) {
  return NotSent(Error(Source::kErrorResponse, sqlstate, std::string(text)));
}

absl::Status RefusedBy(const PostgresError& error) { return NotSent(error); }

bool IsConnectionWasGone(const absl::Status& error) {
  const std::optional<PostgresError> postgres = failover::postgres::PostgresErrorOf(error);
  return postgres.has_value() && postgres->source == Source::kConnectionLost &&
         failover::postgres::OutcomeOf(error) == Outcome::kNotExecuted;
}

ProxyError ForClient(const absl::Status& error, const absl::Status& before) {
  ProxyError told;
  const std::optional<PostgresError> postgres = failover::postgres::PostgresErrorOf(error);
  if (!postgres.has_value()) {
    const auto reason = failover::ReasonOf(error);
    if (!reason.has_value() && absl::IsAborted(error)) {
      told.sqlstate = "57014";
      told.text = "canceling statement due to user request";
      return told;
    }
    told.sqlstate = kCannotConnectNow;
    told.text = Text(kNotExecutedText, reason.has_value() ? failover::ToString(*reason)
                                                          : std::string_view("of the proxy"));
    if (const auto cause = failover::postgres::PostgresErrorOf(before); cause.has_value()) {
      told.text.append("; before that: ").append(cause->text);
    }
    return told;
  }
  if (failover::postgres::OutcomeOf(error) == Outcome::kUnknown) {
    told.sqlstate = kUnknownResolution;
    told.text = absl::StrCat("it is unknown whether the statement was executed: ", postgres->text);
    if (!postgres->sqlstate.empty()) absl::StrAppend(&told.text, " (", postgres->sqlstate, ")");
    return told;
  }
  told.sqlstate = postgres->sqlstate.empty() ? kCannotConnectNow : postgres->sqlstate;
  told.text = postgres->text;
  // The word of a backend that ends is no word about this session, which goes on.
  if (postgres->severity >= Severity::kFatal && told.sqlstate.substr(0, 3) == "57P") {
    told.sqlstate = kCannotConnectNow;
    told.text = Text(kNotExecutedText, postgres->text);
  }
  return told;
}

}  // namespace postgres_proxy

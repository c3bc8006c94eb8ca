#include "proxy/mysql/session/proxy_errors.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "failover/errors.h"

namespace mysql_proxy {
namespace {

using failover::mysql::MysqlError;
using failover::mysql::Outcome;
using failover::mysql::SendState;
using failover::mysql::StatementState;

constexpr char kGeneralState[] = "HY000";

constexpr std::uint32_t kServerIsNotAvailable = 3168;  // ER_SERVER_ISNT_AVAILABLE
constexpr std::uint32_t kCannotConnect = 2003;         // CR_CONN_HOST_ERROR
constexpr std::uint32_t kServerGone = 2006;            // CR_SERVER_GONE_ERROR
constexpr std::uint32_t kAccessDenied = 1045;          // ER_ACCESS_DENIED_ERROR
constexpr std::uint32_t kDeadlock = 1213;              // ER_LOCK_DEADLOCK
constexpr std::uint32_t kQueryInterrupted = 1317;      // ER_QUERY_INTERRUPTED
constexpr std::uint32_t kNetReadError = 1158;          // ER_NET_READ_ERROR

constexpr char kNotExecutedText[] = "The statement was not executed: ";

// Numbers that client libraries keep for themselves. A client library takes an error packet with
// such a number for malformed. The proxy itself uses no number of MariaDB's own library (5000 to
// 5999); a SIGNAL may.
bool IsClientError(std::uint32_t number) { return number >= 2000 && number <= 2999; }

absl::Status NotSent(const MysqlError& error) {
  StatementState statement;
  statement.send_state = SendState::kNotSent;
  return failover::mysql::ToStatus(error, statement);
}

std::string Text(std::string_view first, std::string_view second) {
  return std::string(first).append(second);
}

}  // namespace

absl::Status NotExecuted(std::string_view why) {
  return NotSent({kServerIsNotAvailable, kGeneralState, Text(kNotExecutedText, why)});
}

absl::Status CannotConnect(std::string_view backend, std::string_view why) {
  return NotSent({kCannotConnect, kGeneralState,
                  absl::StrCat(kNotExecutedText, "can't connect to ", std::string(backend), ": ",
                               std::string(why))});
}

absl::Status ConnectionWasGone() {
  return NotSent({kServerGone, kGeneralState, "The connection to the backend was gone"});
}

// Applications know this number and SQLSTATE, those of a deadlock, as: start the transaction again.
absl::Status TransactionRolledBack(std::string_view why) {
  return NotSent(
      {kDeadlock, "40001", Text("The transaction was rolled back, start it again: ", why)});
}

absl::Status NoLongerKnown(std::string_view user) {
  return NotSent(
      {kAccessDenied, "28000",
       absl::StrCat(kNotExecutedText, "the user ", std::string(user), " may no longer log in")});
}

absl::Status Refused(const MysqlError& error) { return NotSent(error); }

bool IsConnectionWasGone(const absl::Status& error) {
  const std::optional<MysqlError> mysql = failover::mysql::MysqlErrorOf(error);
  return mysql.has_value() && mysql->number == kServerGone &&
         failover::mysql::OutcomeOf(error) == Outcome::kNotExecuted;
}

MysqlError ForClient(const absl::Status& error, const absl::Status& before) {
  const std::optional<MysqlError> mysql = failover::mysql::MysqlErrorOf(error);
  if (!mysql.has_value()) {
    const auto reason = failover::ReasonOf(error);
    if (!reason.has_value() && absl::IsAborted(error)) {
      return {kQueryInterrupted, "70100", "Query execution was interrupted"};
    }
    std::string text =
        Text(kNotExecutedText,
             reason.has_value() ? failover::ToString(*reason) : std::string_view("of the proxy"));
    if (const auto cause = failover::mysql::MysqlErrorOf(before); cause.has_value()) {
      text.append("; before that: ").append(cause->text);
    }
    return {kServerIsNotAvailable, kGeneralState, std::move(text)};
  }
  if (failover::mysql::OutcomeOf(error) == Outcome::kUnknown) {
    return {kNetReadError, "08007",
            absl::StrCat("It is unknown whether the statement was executed: ", mysql->text, " (",
                         mysql->number, ")")};
  }
  if (IsClientError(mysql->number)) return {kServerIsNotAvailable, kGeneralState, mysql->text};
  return *mysql;
}

}  // namespace mysql_proxy

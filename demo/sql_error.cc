#include "sql_error.h"

#include <optional>

#include "failover/errors.h"
#include "failover/mysql/errors.h"

namespace failover_demo {
namespace {

absl::Status MakeError(unsigned int number, std::string_view text,
                       failover::mysql::SendState send_state) {
  failover::mysql::StatementState statement;
  statement.send_state = send_state;
  return failover::mysql::ToStatus({number, /*sqlstate=*/"", std::string(text)}, statement);
}

}  // namespace

absl::Status ConnectError(unsigned int number, std::string_view text) {
  return MakeError(number, text, failover::mysql::SendState::kNotSent);
}

absl::Status StatementError(unsigned int number, std::string_view text) {
  return MakeError(number, text, failover::mysql::SendState::kSent);
}

bool FateUnknown(const absl::Status& error) {
  return failover::mysql::OutcomeOf(error) == failover::mysql::Outcome::kUnknown;
}

std::string ErrorLabel(const absl::Status& error) {
  if (const auto reason = failover::ReasonOf(error)) return std::string(ToString(*reason));
  if (const auto mysql_error = failover::mysql::MysqlErrorOf(error)) {
    return std::to_string(mysql_error->number);
  }
  return absl::StatusCodeToString(error.code());
}

}  // namespace failover_demo

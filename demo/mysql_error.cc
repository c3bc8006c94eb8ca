#include "mysql_error.h"

#include <string>

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

}  // namespace failover_demo

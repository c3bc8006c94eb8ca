#include "sql_error.h"

#include <optional>

#include "failover/errors.h"
#include "failover/mysql/errors.h"
#include "failover/outcome.h"
#include "failover/postgres/errors.h"

namespace failover_demo {
namespace {

std::string Label(const failover::postgres::PostgresError& error) {
  switch (error.source) {
    case failover::postgres::Source::kConnectFailed:
      return "no connection";
    case failover::postgres::Source::kConnectionLost:
      return "connection lost";
    case failover::postgres::Source::kErrorResponse:
      return error.sqlstate;
    case failover::postgres::Source::kNoticeResponse:
      return "WARNING " + error.sqlstate;
  }
  return error.sqlstate;
}

}  // namespace

bool FateUnknown(const absl::Status& error) {
  return failover::OutcomeOf(error) == failover::Outcome::kUnknown;
}

std::string ErrorLabel(const absl::Status& error) {
  if (const auto reason = failover::ReasonOf(error)) return std::string(ToString(*reason));
  if (const auto mysql_error = failover::mysql::MysqlErrorOf(error)) {
    return std::to_string(mysql_error->number);
  }
  if (const auto postgres_error = failover::postgres::PostgresErrorOf(error)) {
    return Label(*postgres_error);
  }
  return absl::StatusCodeToString(error.code());
}

}  // namespace failover_demo

// What an error of MySQL means, for programs in C.
#include "c/error.h"
#include "c/text.h"
#include "c/verdicts.h"
#include "failover/c/mysql.h"
#include "failover/mysql/errors.h"

namespace c = failover::c;

namespace {

fo_result CheckError(const fo_mysql_error* error) {
  if (error == nullptr) return c::Invalid("error", "is NULL");
  if (const fo_result size = c::CheckSize(error->struct_size, sizeof(*error), "error");
      size != FO_OK) {
    return size;
  }
  if (error->reserved != 0) return c::Invalid("error.reserved", "is not zero");
  return FO_OK;
}

fo_result SetStatement(const fo_mysql_statement* from, failover::StatementState* statement) {
  if (from == nullptr) return FO_OK;
  if (const fo_result size = c::CheckSize(from->struct_size, sizeof(*from), "statement");
      size != FO_OK) {
    return size;
  }
  statement->in_transaction = from->in_transaction != 0;
  statement->read_only_requested = from->read_only_requested != 0;
  statement->compound = from->compound != 0;
  return c::SetSendState(from->send_state, &statement->send_state);
}

}  // namespace

fo_result fo_mysql_verdict(const fo_mysql_error* error, const fo_mysql_statement* statement,
                           fo_verdict* verdict) {
  if (const fo_result result = c::BeginVerdict(verdict); result != FO_OK) return result;
  if (const fo_result result = CheckError(error); result != FO_OK) return result;
  failover::StatementState state;
  if (const fo_result result = SetStatement(statement, &state); result != FO_OK) return result;
  return c::Guarded([&] {
    const failover::mysql::MysqlError told = {error->number, c::OrEmpty(error->sqlstate),
                                              c::OrEmpty(error->text)};
    return c::Judge(&failover::mysql::ToStatus, told, state, failover::StatementState(), verdict);
  });
}

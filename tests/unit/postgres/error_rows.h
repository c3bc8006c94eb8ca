// What each error of the table means, as the tests expect it.
#ifndef FAILOVER_TESTS_UNIT_POSTGRES_ERROR_ROWS_H_
#define FAILOVER_TESTS_UNIT_POSTGRES_ERROR_ROWS_H_

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "failover/postgres/errors.h"

namespace failover::postgres {

// One row of the table: an error in the words of a server or of a client library, and what the
// error means for one statement outside a transaction (StatementKind::kSingle).
struct Row {
  std::string name;
  PostgresError error;
  Outcome when_sent;
  bool failover_when_sent;
  bool failover_when_not_sent;
};

inline void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

const std::vector<Row>& Rows();

// An ErrorResponse.
inline PostgresError Response(Severity severity, std::string sqlstate, std::string text = "") {
  return {Source::kErrorResponse, severity, std::move(sqlstate), std::move(text), ""};
}

// A NoticeResponse before the end of the connection.
inline PostgresError LastNotice(Severity severity, std::string sqlstate, std::string text = "") {
  return {Source::kNoticeResponse, severity, std::move(sqlstate), std::move(text), ""};
}

inline Statement Single(SendState send_state = SendState::kSent) {
  Statement statement;
  statement.send_state = send_state;
  statement.kind = StatementKind::kSingle;
  return statement;
}

inline Statement OfKind(StatementKind kind) {
  Statement statement = Single();
  statement.kind = kind;
  return statement;
}

inline Statement InTransaction(Statement statement) {
  statement.in_transaction = true;
  return statement;
}

inline Statement ReplyBegun(Statement statement) {
  statement.reply_begun = true;
  return statement;
}

}  // namespace failover::postgres

#endif  // FAILOVER_TESTS_UNIT_POSTGRES_ERROR_ROWS_H_

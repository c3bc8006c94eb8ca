// What each error of the table means, as the tests expect it.
#ifndef FAILOVER_TESTS_UNIT_MYSQL_ERROR_ROWS_H_
#define FAILOVER_TESTS_UNIT_MYSQL_ERROR_ROWS_H_

#include <ostream>
#include <string>
#include <vector>

#include "failover/mysql/errors.h"

namespace failover::mysql {

// One row of the table: an error in the words of a server or of a client library, and what the
// error means for an autocommit statement.
struct Row {
  std::string name;
  MysqlError error;
  Outcome when_sent;
  bool failover_when_sent;
  bool failover_when_not_sent;
};

inline void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

const std::vector<Row>& Rows();

}  // namespace failover::mysql

#endif  // FAILOVER_TESTS_UNIT_MYSQL_ERROR_ROWS_H_

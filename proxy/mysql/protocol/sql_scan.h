// What the proxy must know about the text of a statement: whether the text may hold more than one
// statement, and what session tracking does not report. In doubt, the answer is the one with which
// the proxy retries and restores less.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_SQL_SCAN_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_SQL_SCAN_H_

#include <string_view>

#include "proxy/mysql/protocol/sql_lexer.h"
#include "proxy/mysql/protocol/sql_rules.h"

namespace mysql_proxy {

struct SqlTraits {
  // The text may hold several statements. When the server refuses one of them, others may have been
  // executed. A text with an executable comment (/*! or /*M!) is compound, because the proxy does
  // not know whether the server executes that comment.
  bool compound = false;
  // The text names a user variable, a user lock or a handler, which a new connection would not
  // have. Or the text may leave behind what the server does not report, or reports as something
  // else.
  bool uses_connection_state = false;
  // The text asks for the last insert id.
  bool reads_insert_id = false;
  // The text asks about the statement before: FOUND_ROWS(), ROW_COUNT(), SHOW WARNINGS, ...
  bool reads_last_result = false;
  // The text is SET NAMES ... COLLATE ..., and nothing else. The server does not report the
  // collation.
  bool sets_names_with_collation = false;
  // The text may hold SET STATEMENT ... FOR ...: the server reports variables with values that the
  // variables have lost again.
  bool has_temporary_variables = false;
  // The text is one statement that certainly writes rows, be it to a temporary table.
  bool writes = false;
  // The text may commit a transaction, or is a statement about an XA transaction.
  bool commits = false;
  // The text asks for the last value of a sequence, or for the GTID of the last write.
  bool reads_sequence = false;
  bool reads_gtid = false;
  // The text is XA PREPARE; or XA COMMIT or XA ROLLBACK.
  bool xa_prepares = false;
  bool xa_ends = false;
  // The text starts with CALL, so that another result follows each result with rows.
  bool calls = false;
  // The statement may commit the open transaction before the statement fails.
  bool ends_transaction = false;
  // The statement may begin a transaction while autocommit is on, or lock tables. A compound text
  // may do so, too, whatever this says.
  bool begins_transaction = false;
};

// Finds the traits of `sql`, which a server reads by `text_rules`. Thread-safe.
SqlTraits ScanSql(std::string_view sql, const TextRules& text_rules);

// The same with other rules than DefaultSqlRules(): a test leaves out a rule so.
SqlTraits ScanSql(std::string_view sql, const TextRules& text_rules, const SqlRules& rules);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_SQL_SCAN_H_

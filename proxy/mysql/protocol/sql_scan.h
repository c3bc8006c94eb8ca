// The little that the proxy must know about a statement's text: what session tracking does not
// report, and whether it may be more than one statement. When in doubt, the answer is the one that
// retries and restores less.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_SQL_SCAN_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_SQL_SCAN_H_

#include <string_view>

namespace mysql_proxy {

struct SqlTraits {
  // May consist of several statements, of which some may have been executed when one is refused.
  // So may what is in an executable comment: which server executes it is not known here.
  bool compound = false;
  // Names a user variable, a user lock or a handler, which a new connection would not have; or may
  // leave behind what nothing reports, or what is reported as something else.
  bool uses_connection_state = false;
  // Asks for the last insert id.
  bool reads_insert_id = false;
  // Asks about the statement before it: FOUND_ROWS(), ROW_COUNT(), SHOW WARNINGS, ...
  bool reads_last_result = false;
  // SET NAMES ... COLLATE ..., and nothing else. The collation is not reported.
  bool sets_names_with_collation = false;
  // May contain SET STATEMENT ... FOR ...: variables are reported with values that they have lost
  // again.
  bool has_temporary_variables = false;
};

// How a server reads a text.
struct TextRules {
  // As its status says (kNoBackslashEscapes).
  bool backslash_escapes = true;
  // In the client's character set (GBK, Shift JIS, ...) a byte that looks like a backslash or a
  // backquote may be the second half of a character.
  bool characters_hide_ascii = false;
};

SqlTraits ScanSql(std::string_view sql, const TextRules& rules);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_SQL_SCAN_H_

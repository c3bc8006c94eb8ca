// What a client has made of its session, so that another connection can be put into the same
// state.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_SESSION_STATE_H_
#define FAILOVER_PROXY_MYSQL_SESSION_SESSION_STATE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/mysql/protocol/server_packets.h"
#include "proxy/mysql/protocol/session_track.h"
#include "proxy/mysql/protocol/sql_scan.h"

namespace mysql_proxy {

// Learns from the replies to the client's statements, by session tracking. Not thread-safe.
class SessionState {
 public:
  // Of a session that begins with `schema` (empty: none) and the character set of `collation`.
  SessionState(std::string schema, std::uint8_t collation);

  // A connection for the session is ready; its server reported `status`.
  void Connected(std::uint16_t status);

  // A result of a statement of the client. False: the report of changes is malformed.
  bool Learn(const OkPacket& ok, std::string_view sql, const SqlTraits& traits);
  // The last result of a statement is there.
  void StatementEnded() { fresh_connection_ = false; }
  // The statement ended with an error, which does not tell how it left the session: one of several
  // may have begun a transaction. The next result tells.
  void StatementFailed(const SqlTraits& traits);

  // The server rolled the transaction back with the error of the last statement.
  void RolledBack();
  // Whatever was open in the session, it is not any more, and the client knows.
  void TransactionEnded();

  // The client reset its session: only the schema remains.
  void Reset();

  const std::string& schema() const { return schema_; }
  std::uint16_t status() const { return status_; }
  // For the client's next statement.
  TextRules text_rules() const;
  // A transaction is open, or may be, or tables are locked: the connection cannot be replaced
  // without harm.
  bool transaction_open() const;
  // A transaction is open for certain, so that all that it did is undone when its connection is
  // lost.
  bool transaction_is_certain() const;
  // transaction_open(), or autocommit is off, so that any statement may open one.
  bool in_transaction() const;
  // The client itself asked for read-only transactions.
  bool read_only_requested() const;

  // The statements that put a new connection, on which schema() was chosen, into this state.
  std::vector<std::string> RestoreStatements() const;

  // The connection is gone, and with it all that RestoreStatements does not bring back. Says what
  // was lost that the client must be told of, but for a transaction_is_certain(); empty: nothing.
  std::string LoseConnection();
  // The same for a statement that asks about earlier ones, of which the connection knows nothing.
  // Says so once.
  std::string LoseAnswer(const SqlTraits& traits);

  // Text that was prepared under another context may mean something else by now.
  std::string ParseContext() const;

 private:
  void LearnVariables(const SessionChanges& changes, std::string_view sql, const SqlTraits& traits);
  bool IsOn(const char* variable) const;
  std::string SetVariables() const;

  std::uint8_t collation_;
  std::string schema_;
  bool characters_hide_ascii_;
  std::uint16_t status_ = 0;
  bool status_is_known_ = true;  // false: a transaction may be open, whatever status_ says
  bool tables_locked_ = false;
  std::string transaction_characteristics_;  // statements; of this transaction or of the next

  std::string names_statement_;  // a SET NAMES of which the variables do not tell enough
  std::map<std::string, std::string> variables_;

  // What no statement restores.
  bool has_connection_state_ = false;
  bool has_insert_id_ = false;
  bool lost_insert_id_ = false;
  bool fresh_connection_ = false;  // it replaced another, and no statement has ended on it yet
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_SESSION_STATE_H_

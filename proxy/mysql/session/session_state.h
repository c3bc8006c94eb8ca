// The state of a client's session: what the client has set, and what is open. Another connection
// can be put into the same state.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_SESSION_STATE_H_
#define FAILOVER_PROXY_MYSQL_SESSION_SESSION_STATE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "failover/outcome.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "proxy/mysql/protocol/session_track.h"
#include "proxy/mysql/protocol/sql_scan.h"

namespace mysql_proxy {

// Learns the state from the replies to the client's statements, which report changes (session
// tracking). Not thread-safe. Owns copies of all that it is told.
class SessionState {
 public:
  // The session begins with the schema `schema` (empty: no schema) and with the character set of
  // `collation`, a number as in a login.
  SessionState(std::string schema, std::uint8_t collation);

  // A connection for the session is ready. Its backend reported `status` (server_status).
  void Connected(std::uint16_t status);

  // The client's statement `sql` with the traits `traits` has the result `ok`. Returns false if the
  // report of changes is malformed.
  bool Learn(const OkPacket& ok, std::string_view sql, const SqlTraits& traits);
  // The last result of a statement has come.
  void StatementEnded() { fresh_connection_ = false; }
  // A statement ended with an error and with `outcome`. An error does not tell how a compound
  // statement left the session: one of its statements may have begun a transaction. While
  // autocommit is off, a statement that failed may have begun a transaction. A definition that
  // could not be changed may have committed the open transaction first. The next result tells.
  void StatementFailed(const SqlTraits& traits, failover::Outcome outcome);

  // The backend rolled the transaction back, as the error of the last statement tells.
  void RolledBack();
  // Transaction and table locks have ended, and the client knows.
  void TransactionEnded();

  // The client reset its session. Only the schema remains.
  void Reset();

  const std::string& schema() const { return schema_; }
  std::uint16_t status() const { return status_; }
  // How a backend reads the text of the client's next statement.
  TextRules text_rules() const;
  // Whether a transaction is open, or may be open, or tables are locked. If so, another connection
  // cannot take the place of this connection without harm.
  bool transaction_open() const;
  // Whether a transaction is open for certain. If so, a backend undoes all of the transaction when
  // the connection is lost.
  bool transaction_is_certain() const;
  // Whether autocommit is off, so that any statement may begin a transaction.
  bool autocommit_is_off() const;
  // Whether the client itself asked for read-only transactions.
  bool read_only_requested() const;

  // Whether the session has user variables, temporary tables or the like, which no statement can
  // restore.
  bool has_connection_state() const { return has_connection_state_; }
  // Whether a statement with `traits` asks about earlier statements that this connection knows.
  bool HasAnswer(const SqlTraits& traits) const;

  // The statements that put a new connection, on which schema() was chosen, into this state.
  std::vector<std::string> RestoreStatements() const;

  // The connection is lost, and with it all that RestoreStatements() does not bring back. Returns
  // in words what the client must be told about; empty: nothing. A transaction that was open for
  // certain (transaction_is_certain()) is not mentioned. The client's next statement has the traits
  // `next`: with XA COMMIT and XA ROLLBACK the client ends a prepared transaction from any
  // connection, so that this transaction is not mentioned.
  std::string LoseConnection(const SqlTraits& next = {});
  // The client sends a statement with `traits`. If the statement asks about earlier statements
  // that a lost connection executed, returns in words what is lost, each loss once; empty: nothing.
  std::string LoseAnswer(const SqlTraits& traits);

  // The schema and the variables that tell how a backend reads a text. A text that was prepared
  // under another context may mean something else now.
  std::string ParseContext() const;

 private:
  void LearnAnswers(const OkPacket& ok, const SqlTraits& traits);
  void LearnVariables(const SessionChanges& changes, std::string_view sql, const SqlTraits& traits);
  bool IsOn(const char* variable) const;
  std::string SetVariables() const;

  std::uint8_t collation_;
  std::string schema_;
  bool characters_hide_ascii_;
  std::uint16_t status_ = 0;
  bool status_is_known_ = true;  // False: a transaction may be open, whatever status_ says.
  // A statement that failed may have begun or ended a transaction, and no result has come since.
  bool in_doubt_ = false;
  bool tables_locked_ = false;
  // The open transaction is a prepared XA transaction, which outlives its connection.
  bool xa_prepared_ = false;
  // Statements that give the open transaction, or else the next transaction, its properties.
  std::string transaction_characteristics_;

  std::string names_statement_;  // A SET NAMES with COLLATE: no variable reports the collation.
  std::map<std::string, std::string> variables_;

  // What no statement can restore.
  bool has_connection_state_ = false;
  bool has_insert_id_ = false;
  bool lost_insert_id_ = false;
  bool has_gtid_ = false;
  bool lost_gtid_ = false;
  // The connection replaced a lost one, and the client has not asked for a sequence's last value.
  bool lost_sequences_ = false;
  // The connection replaced a lost one, and no statement of the client has ended on it.
  bool fresh_connection_ = false;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_SESSION_STATE_H_

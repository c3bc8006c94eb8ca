// The ways in which an exchange with a backend can fail, and what follows from each: what the
// client is told, whether the statement may be repeated, and what becomes of the connection to the
// backend. The table stands in exchange_failures.cc, the reasons beside its rows.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_EXCHANGE_FAILURES_H_
#define FAILOVER_PROXY_MYSQL_SESSION_EXCHANGE_FAILURES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "failover/mysql/errors.h"

namespace mysql_proxy {

// What happened to the exchange.
enum class ExchangeEvent : std::uint8_t {
  // The connection was lost, and no byte of the statement had been sent.
  kFoundDead,
  // The connection was lost after something had been sent.
  kCutOff,
  // The backend sent something that is no reply to the statement.
  kMalformed,
  // The backend answered with an error packet, be it alone or behind other results.
  kErrorPacket,
  // The backend asks for a file of the client (LOAD DATA LOCAL).
  kWantsFile,
  // The client's connection was lost.
  kClientGone,
  // A statement had to be prepared again on a new connection, and the backend answered with an
  // error packet.
  kPrepareRefused,
  // A statement that would have to be prepared again may mean something else by now.
  kPrepareChanged,
  // The statement asks about an earlier statement, of which a new connection knows nothing.
  kAnswerLost,
};

// How much of the reply the client has got.
enum class ReplyPassed : std::uint8_t {
  kNothing,
  kWholePackets,
  kPartOfPacket,
};

// All facts that the table looks at.
struct ExchangeFailure {
  ExchangeEvent event = ExchangeEvent::kCutOff;
  ReplyPassed passed = ReplyPassed::kNothing;
  failover::mysql::StatementState statement;
  // Autocommit is off, so that the statement may have begun a transaction.
  bool may_begin_transaction = false;
  // The statement is a COMMIT, of an XA transaction, too.
  bool commits = false;
  // The backend's error, of kErrorPacket and kPrepareRefused.
  failover::mysql::MysqlError error;
  // What the session has lost, of kAnswerLost.
  std::string lost;
};

// The state of the exchange in which a row of the table holds.
enum class FailureWhen : std::uint8_t {
  kAlways,
  // A transaction is open, or the statement may have begun one.
  kInTransaction,
  // The client has got a part of the reply.
  kReplyBegun,
  // The client has got a part of a packet.
  kInsidePacket,
  // An error packet came, and nobody knows whether the statement was executed ...
  kUnknown,
  // ... and a transaction is open, or the statement may have begun one.
  kUnknownInTransaction,
  // ... because the statement consists of several, of which one was refused by a backend that is
  // not the primary any more.
  kUnknownInFailover,
  // An error packet says that the backend has rolled the transaction back.
  kRolledBack,
  // An error packet says that a backend which is not the primary any more refused a statement of an
  // open transaction, and the client has got nothing of the reply.
  kRefusedInTransaction,
  // An error packet says that a backend which is not the primary any more refused a COMMIT outside
  // a transaction.
  kRefusedCommit,
  // An error packet says that a backend which is not the primary any more refused the statement.
  // The statement was certainly not executed.
  kRefused,
};

enum class FailureTell : std::uint8_t {
  // The error packet of the backend.
  kBackendsError,
  // 1158: it is unknown whether the statement was executed.
  kUnknown,
  // 1158, with the words that no transaction and no table lock is left.
  kUnknownNothingLeft,
  // 1213: the transaction was rolled back.
  kRolledBack,
  // 3168: the connection was gone. The client sees this error only if all attempts end with it.
  kConnectionGone,
  // 3168: the session has lost what the statement asks for.
  kAnswerLost,
  // 1615: the statement must be prepared again.
  kPrepareAgain,
  // 1148: LOAD DATA LOCAL is not allowed.
  kFileRefused,
  // Nothing; the client's connection ends.
  kNothing,
};

enum class FailureRepeat : std::uint8_t {
  kNever,
  // On another connection, without waiting.
  kAtOnce,
  // When the Buffer says that the failover is over.
  kAfterFailover,
};

enum class FailureConnection : std::uint8_t {
  // The next statement may use the connection.
  kKept,
  // The connection is closed. If the session loses with it what the client must know of, the client
  // is told this instead.
  kDropped,
  // The connection is closed. The error says all that the client must know of it.
  kDroppedAndTold,
  // The connection is closed. The error says that no transaction and no table lock is left. What
  // else the session loses with the connection, the next statement is told.
  kLeftBehind,
};

// One row of the table.
struct FailureRule {
  ExchangeEvent event;
  FailureWhen when;
  FailureTell tell;
  FailureRepeat repeat;
  FailureConnection connection;
};

// The table. The first row that fits decides; the last row of each event fits always.
const std::vector<FailureRule>& FailureRules();

const FailureRule& RuleFor(const ExchangeFailure& failure);

// Whether the Buffer must be told (Buffer::NoteRefused) that a backend that is not the primary any
// more refused the statement, or a part of it, because the statement is not repeated and so the
// Buffer would not learn of the refusal.
bool MustBeNoted(const FailureRule& rule, const ExchangeFailure& failure);

// The error of the statement by this row, as the retry driver and proxy_errors.h want it: it is a
// failover's exactly if the row says kAfterFailover, and IsConnectionWasGone exactly if the row
// says kAtOnce. kNothing becomes kCancelled.
absl::Status StatusFor(const FailureRule& rule, const ExchangeFailure& failure);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_EXCHANGE_FAILURES_H_

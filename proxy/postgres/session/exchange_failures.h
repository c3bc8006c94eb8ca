// The ways in which an exchange with a backend can fail, and what follows from each: what the
// client is told, whether the request may be repeated, and what becomes of the connection and of
// the transaction. The table stands in exchange_failures.cc, the reasons beside its rows.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_EXCHANGE_FAILURES_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_EXCHANGE_FAILURES_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "failover/postgres/errors.h"

namespace postgres_proxy {

// What happened to the exchange.
enum class ExchangeEvent : std::uint8_t {
  // The connection was lost, and no byte of the request had been sent.
  kFoundDead,
  // The connection ended after something had been sent. The error holds the last words of the
  // backend, if there were any.
  kLost,
  // The backend sent something that is no answer to the request.
  kMalformed,
  // The backend answered with an ErrorResponse of the severity ERROR, and goes on.
  kError,
  // The backend refused to parse a statement again that the request needs.
  kParseRefused,
  // The client's connection was lost.
  kClientGone,
};

// How much of the answer the client has got.
enum class AnswerPassed : std::uint8_t {
  kNothing,
  kWholeMessages,
  kPartOfMessage,
};

// All facts that the table looks at.
struct ExchangeFailure {
  ExchangeEvent event = ExchangeEvent::kLost;
  AnswerPassed passed = AnswerPassed::kNothing;
  // Request::begins_transaction.
  bool begins = false;
  failover::postgres::Statement statement;
  failover::postgres::PostgresError error;
};

// The state of the exchange in which a row of the table holds.
enum class FailureWhen : std::uint8_t {
  kAlways,
  // The client has got a part of a message.
  kInsideMessage,
  // A transaction was open.
  kTransactionOpen,
  // A transaction was open, and the request cannot have committed it.
  kInTransaction,
  // The request is a COMMIT, and the last words of the backend prove that nothing was committed.
  kCommitRefused,
  // The request is a BEGIN alone or executes nothing, and the client has got nothing of its answer.
  kOnlyBegins,
  // The request begins a transaction, and does not end it.
  kBegins,
  // A failover made the backend refuse the request, and the request was certainly not executed.
  kRefused,
  // A failover made the backend refuse a statement of an open transaction, or of one that the
  // request begins.
  kRefusedInTransaction,
};

enum class FailureTell : std::uint8_t {
  kBackendsError,
  kUnknown,         // 08007
  kRolledBack,      // 40001
  kConnectionGone,  // 57P03. The client sees this error only if all attempts end with it.
  kNothing,         // The client's connection ends.
};

enum class FailureRepeat : std::uint8_t {
  kNever,
  kAtOnce,
  kAfterFailover,
};

enum class FailureConnection : std::uint8_t {
  kKept,
  kDropped,
};

// What the client takes for the state of its transaction afterwards.
enum class FailureStatus : std::uint8_t {
  kIdle,    // no transaction is open
  kFailed,  // the client must end its transaction by ROLLBACK
  kAsIs,    // what the backend says
};

// One row of the table.
struct FailureRule {
  ExchangeEvent event;
  FailureWhen when;
  FailureTell tell;
  FailureRepeat repeat;
  FailureConnection connection;
  FailureStatus status;
};

// The table. The first row that fits decides; the last row of each event fits always.
const std::vector<FailureRule>& FailureRules();

const FailureRule& RuleFor(const ExchangeFailure& failure);

// Whether the Buffer must be told (Buffer::NoteRefused) that a backend that is not the primary any
// more refused the request, or a part of it, because the request is not repeated and so the Buffer
// would not learn of the refusal.
bool MustBeNoted(const FailureRule& rule, const ExchangeFailure& failure);

// The error of the request by this row, as the retry driver and proxy_errors.h want it: it is a
// failover's exactly if the row says kAfterFailover, and IsConnectionWasGone exactly if the row
// says kAtOnce. kNothing becomes kCancelled.
absl::Status StatusFor(const FailureRule& rule, const ExchangeFailure& failure);

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_EXCHANGE_FAILURES_H_

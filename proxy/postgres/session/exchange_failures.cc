#include "proxy/postgres/session/exchange_failures.h"

#include <algorithm>

#include "failover/errors.h"
#include "proxy/postgres/session/proxy_errors.h"

namespace postgres_proxy {
namespace {

using failover::postgres::Outcome;
using failover::postgres::Statement;
using failover::postgres::StatementKind;

using Event = ExchangeEvent;
using When = FailureWhen;
using Tell = FailureTell;
using Repeat = FailureRepeat;
using Connection = FailureConnection;
using Status = FailureStatus;

// What the client has got a part of the answer of is never repeated, whatever the error says.
Statement StatementOf(const ExchangeFailure& failure) {
  Statement statement = failure.statement;
  if (failure.passed != AnswerPassed::kNothing) {
    statement.send_state = failover::postgres::SendState::kReplyStarted;
    statement.reply_begun = true;
  }
  return statement;
}

absl::Status StatusOfAnswer(const ExchangeFailure& failure) {
  return failover::postgres::ToStatus(failure.error, StatementOf(failure));
}

// A COMMIT inside the request may have been executed.
bool MayEndTransaction(const Statement& statement) {
  return statement.kind != StatementKind::kSingle && statement.kind != StatementKind::kPipeline &&
         statement.kind != StatementKind::kBegin;
}

// Whether the same error of one statement alone would be the sign of a failover.
bool TellsOfFailover(const ExchangeFailure& failure) {
  Statement alone = failure.statement;
  alone.kind = StatementKind::kSingle;
  alone.in_transaction = false;
  return failover::CausedByFailover(failover::postgres::ToStatus(failure.error, alone));
}

bool Holds(When when, const ExchangeFailure& failure) {
  const Statement& statement = failure.statement;
  switch (when) {
    case When::kAlways:
      return true;
    case When::kInsideMessage:
      return failure.passed == AnswerPassed::kPartOfMessage;
    case When::kTransactionOpen:
      return statement.in_transaction;
    case When::kInTransaction:
      return statement.in_transaction && !MayEndTransaction(statement);
    case When::kCommitRefused:
      return statement.in_transaction && statement.kind == StatementKind::kCommit &&
             failover::postgres::OutcomeOf(StatusOfAnswer(failure)) == Outcome::kNotExecuted;
    case When::kOnlyBegins:
      return statement.kind == StatementKind::kBegin && !statement.in_transaction &&
             failure.passed == AnswerPassed::kNothing;
    case When::kBegins:
      return failure.begins;
    case When::kRefused:
      return failover::CausedByFailover(StatusOfAnswer(failure));
    case When::kRefusedInTransaction:
      return (statement.in_transaction || failure.begins) && TellsOfFailover(failure);
  }
  return false;
}

}  // namespace

const std::vector<FailureRule>& FailureRules() {
  static const auto* const rules = new std::vector<FailureRule>{
      // --- The connection is lost. ---------------------------------------------------------------
      // The transaction was rolled back when its connection ended. Only a COMMIT could have saved
      // it, and none was sent. A COMMIT ends the transaction for the client, too.
      {Event::kFoundDead, When::kCommitRefused, Tell::kRolledBack, Repeat::kNever,
       Connection::kDropped, Status::kIdle},
      {Event::kFoundDead, When::kTransactionOpen, Tell::kRolledBack, Repeat::kNever,
       Connection::kDropped, Status::kFailed},
      // Nothing was sent, so the request may go to another connection at once. The next connect
      // tells whether there is a failover.
      {Event::kFoundDead, When::kAlways, Tell::kConnectionGone, Repeat::kAtOnce,
       Connection::kDropped, Status::kIdle},
      // The client would take an ErrorResponse for the rest of the message that it has a part of.
      {Event::kLost, When::kInsideMessage, Tell::kNothing, Repeat::kNever, Connection::kDropped,
       Status::kIdle},
      // A backend that ends rolls back what it has not committed, and nothing asked it to commit.
      {Event::kLost, When::kInTransaction, Tell::kRolledBack, Repeat::kNever, Connection::kDropped,
       Status::kFailed},
      // FATAL 57P01 as the only answer to a COMMIT: a backend obeys an order to end only where
      // nothing is being committed.
      {Event::kLost, When::kCommitRefused, Tell::kRolledBack, Repeat::kNever, Connection::kDropped,
       Status::kIdle},
      // FATAL 57P01 as the only answer: the same proof, and the request is a whole transaction.
      {Event::kLost, When::kRefused, Tell::kBackendsError, Repeat::kAfterFailover,
       Connection::kDropped, Status::kIdle},
      // Whatever became of a BEGIN, or of a Parse, was undone with its connection.
      {Event::kLost, When::kOnlyBegins, Tell::kConnectionGone, Repeat::kAtOnce,
       Connection::kDropped, Status::kIdle},
      // As in a transaction that was open before. The client must not go on as if there were none.
      {Event::kLost, When::kBegins, Tell::kRolledBack, Repeat::kNever, Connection::kDropped,
       Status::kFailed},
      // WARNING 57P01 or 57P02, or no word at all: it may have been committed.
      {Event::kLost, When::kAlways, Tell::kUnknown, Repeat::kNever, Connection::kDropped,
       Status::kIdle},

      // --- The answer makes no sense. ------------------------------------------------------------
      // What the client has got of the answer may be wrong, too.
      {Event::kMalformed, When::kInsideMessage, Tell::kNothing, Repeat::kNever,
       Connection::kDropped, Status::kIdle},
      {Event::kMalformed, When::kInTransaction, Tell::kRolledBack, Repeat::kNever,
       Connection::kDropped, Status::kFailed},
      {Event::kMalformed, When::kAlways, Tell::kUnknown, Repeat::kNever, Connection::kDropped,
       Status::kIdle},

      // --- The backend answers with an error, and goes on. ---------------------------------------
      // The connection is kept, because the backend may become the primary again. If another one
      // does, the connection policy replaces the connection.
      {Event::kError, When::kRefused, Tell::kBackendsError, Repeat::kAfterFailover,
       Connection::kKept, Status::kAsIs},
      // The transaction began on a backend that is not the primary, and cannot end well there.
      {Event::kError, When::kRefusedInTransaction, Tell::kRolledBack, Repeat::kNever,
       Connection::kKept, Status::kAsIs},
      // The statement's own error, such as a duplicate key.
      {Event::kError, When::kAlways, Tell::kBackendsError, Repeat::kNever, Connection::kKept,
       Status::kAsIs},

      // --- Before the request was sent. ----------------------------------------------------------
      // The tables may look different by now.
      {Event::kParseRefused, When::kAlways, Tell::kBackendsError, Repeat::kNever, Connection::kKept,
       Status::kAsIs},
      // The session ends, and the connection to the backend with it.
      {Event::kClientGone, When::kAlways, Tell::kNothing, Repeat::kNever, Connection::kDropped,
       Status::kIdle},
  };
  return *rules;
}

const FailureRule& RuleFor(const ExchangeFailure& failure) {
  const std::vector<FailureRule>& rules = FailureRules();
  return *std::find_if(rules.begin(), rules.end(), [&failure](const FailureRule& rule) {
    return rule.event == failure.event && Holds(rule.when, failure);
  });
}

bool MustBeNoted(const FailureRule& rule, const ExchangeFailure& failure) {
  return failure.event == Event::kError && rule.repeat == Repeat::kNever &&
         TellsOfFailover(failure);
}

absl::Status StatusFor(const FailureRule& rule, const ExchangeFailure& failure) {
  switch (rule.tell) {
    case Tell::kBackendsError:
      return failure.event == Event::kParseRefused ? RefusedBy(failure.error)
                                                   : StatusOfAnswer(failure);
    case Tell::kUnknown:
      return failover::postgres::ToStatus(failure.error, StatementOf(failure));
    case Tell::kRolledBack:
      return TransactionRolledBack(failure.error.text);
    case Tell::kConnectionGone:
      return ConnectionWasGone(failure.error.text);
    case Tell::kNothing:
      return absl::CancelledError("the client's connection ends without an answer");
  }
  return absl::InternalError("no row of the table of failures fits");
}

}  // namespace postgres_proxy

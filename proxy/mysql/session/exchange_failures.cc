#include "proxy/mysql/session/exchange_failures.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "failover/errors.h"
#include "proxy/mysql/session/proxy_errors.h"
#include "proxy/mysql/session/server_refusals.h"

namespace mysql_proxy {
namespace {

using failover::mysql::MysqlError;
using failover::mysql::Outcome;
using failover::mysql::StatementState;

using Event = ExchangeEvent;
using When = FailureWhen;
using Tell = FailureTell;
using Repeat = FailureRepeat;
using Connection = FailureConnection;

// Whether an error of this number and text says that the backend is not the primary any more,
// whatever the statement was.
bool TellsOfFailover(const ExchangeFailure& failure) {
  StatementState alone;
  alone.read_only_requested = failure.statement.read_only_requested;
  return failover::CausedByFailover(StatusOfAnswer(failure.error, alone));
}

Outcome OutcomeOf(const ExchangeFailure& failure) {
  const absl::Status status = StatusOfAnswer(failure.error, failure.statement);
  return failover::mysql::OutcomeOf(status).value_or(Outcome::kUnknown);
}

bool Holds(When when, const ExchangeFailure& failure) {
  const StatementState& statement = failure.statement;
  switch (when) {
    case When::kAlways:
      return true;
    case When::kInTransaction:
      return statement.in_transaction || failure.may_begin_transaction;
    case When::kReplyBegun:
      return failure.passed != ReplyPassed::kNothing;
    case When::kInsidePacket:
      return failure.passed == ReplyPassed::kPartOfPacket;
    case When::kUnknown:
      return OutcomeOf(failure) == Outcome::kUnknown;
    case When::kUnknownInTransaction:
      return OutcomeOf(failure) == Outcome::kUnknown && Holds(When::kInTransaction, failure);
    case When::kUnknownInFailover:
      return OutcomeOf(failure) == Outcome::kUnknown && statement.compound &&
             TellsOfFailover(failure);
    case When::kRolledBack:
      return OutcomeOf(failure) == Outcome::kRolledBack;
    case When::kRefusedInTransaction:
      return failure.passed == ReplyPassed::kNothing && statement.in_transaction &&
             TellsOfFailover(failure);
    case When::kRefusedCommit:
      return failure.commits && Holds(When::kRefused, failure);
    case When::kRefused:
      return failover::CausedByFailover(StatusOfAnswer(failure.error, statement));
  }
  return false;
}

// MysqlErrors are made by functions: g++ 12 destroys a temporary in braces twice if it is part of a
// co_await expression, and these functions are called from such expressions.

MysqlError Lost() { return {2013, "HY000", "the connection to the backend was lost"}; }

MysqlError FileRefused() {
  return {1148, "42000", "LOAD DATA LOCAL is not allowed through the proxy"};
}

MysqlError PrepareAgain() {
  return {1615, "HY000",
          "The statement was not executed: after a failover it must be prepared again"};
}

}  // namespace

const std::vector<FailureRule>& FailureRules() {
  static const auto* const rules = new std::vector<FailureRule>{
      // --- The connection is lost. ---------------------------------------------------------------
      // A connection also ends by a time-out or by a KILL. Nothing was sent, so the statement may
      // go to another connection at once. The next connect tells whether there is a failover.
      {Event::kFoundDead, When::kAlways, Tell::kConnectionGone, Repeat::kAtOnce,
       Connection::kDropped},
      // The client would take an error packet for the rest of the packet that it has a part of.
      {Event::kCutOff, When::kInsidePacket, Tell::kNothing, Repeat::kNever,
       Connection::kDroppedAndTold},
      // The statement may have been the COMMIT.
      {Event::kCutOff, When::kInTransaction, Tell::kUnknownNothingLeft, Repeat::kNever,
       Connection::kDroppedAndTold},
      {Event::kCutOff, When::kAlways, Tell::kUnknown, Repeat::kNever, Connection::kDroppedAndTold},

      // --- The reply makes no sense. -------------------------------------------------------------
      // What the client has got of the reply may be wrong, too.
      {Event::kMalformed, When::kReplyBegun, Tell::kNothing, Repeat::kNever,
       Connection::kDroppedAndTold},
      {Event::kMalformed, When::kInTransaction, Tell::kUnknownNothingLeft, Repeat::kNever,
       Connection::kDroppedAndTold},
      {Event::kMalformed, When::kAlways, Tell::kUnknown, Repeat::kNever,
       Connection::kDroppedAndTold},

      // --- The backend answers with an error. ----------------------------------------------------
      // The client cannot know whether the transaction is still open. The proxy closes it, so that
      // the answer is the same in all cases. Calling it rolled back later would be wrong, because
      // the statement may have been the COMMIT.
      {Event::kErrorPacket, When::kUnknownInTransaction, Tell::kUnknownNothingLeft, Repeat::kNever,
       Connection::kLeftBehind},
      // The statements before the refused one may have begun a transaction or locked tables on a
      // backend that takes no writes any more.
      {Event::kErrorPacket, When::kUnknownInFailover, Tell::kUnknownNothingLeft, Repeat::kNever,
       Connection::kLeftBehind},
      // If the backend is about to end, the next statement finds the connection dead.
      {Event::kErrorPacket, When::kUnknown, Tell::kUnknown, Repeat::kNever, Connection::kKept},
      // A deadlock, for instance. The client knows the error as: start the transaction again.
      {Event::kErrorPacket, When::kRolledBack, Tell::kBackendsError, Repeat::kNever,
       Connection::kKept},
      // The transaction cannot end well on this backend, and not on another one either.
      {Event::kErrorPacket, When::kRefusedInTransaction, Tell::kRolledBack, Repeat::kNever,
       Connection::kDropped},
      // A COMMIT is never repeated, whatever is known of it.
      {Event::kErrorPacket, When::kRefusedCommit, Tell::kBackendsError, Repeat::kNever,
       Connection::kKept},
      // The connection is kept, because the backend may become the primary again. If another one
      // does, the connection policy replaces the connection.
      {Event::kErrorPacket, When::kRefused, Tell::kBackendsError, Repeat::kAfterFailover,
       Connection::kKept},
      // The statement's own error, such as a duplicate key.
      {Event::kErrorPacket, When::kAlways, Tell::kBackendsError, Repeat::kNever, Connection::kKept},

      // --- The statement cannot be executed as it is. --------------------------------------------
      // A backend could ask for any file of the client. It waits for the file, so that the
      // connection cannot be used any more.
      {Event::kWantsFile, When::kAlways, Tell::kFileRefused, Repeat::kNever, Connection::kDropped},
      // The session ends, and the connection to the backend with it.
      {Event::kClientGone, When::kAlways, Tell::kNothing, Repeat::kNever, Connection::kKept},
      // The backend cannot prepare statements at the moment because of a failover.
      {Event::kPrepareRefused, When::kRefused, Tell::kBackendsError, Repeat::kAfterFailover,
       Connection::kKept},
      // The tables may look different by now.
      {Event::kPrepareRefused, When::kAlways, Tell::kBackendsError, Repeat::kNever,
       Connection::kKept},
      {Event::kPrepareChanged, When::kAlways, Tell::kPrepareAgain, Repeat::kNever,
       Connection::kKept},
      {Event::kAnswerLost, When::kAlways, Tell::kAnswerLost, Repeat::kNever, Connection::kKept},
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
  return failure.event == Event::kErrorPacket && rule.repeat == Repeat::kNever &&
         TellsOfFailover(failure);
}

absl::Status StatusFor(const FailureRule& rule, const ExchangeFailure& failure) {
  const bool answered =
      failure.event == Event::kErrorPacket || failure.event == Event::kPrepareRefused;
  MysqlError error = answered ? failure.error : Lost();
  StatementState statement = failure.statement;
  // So the error is no failover's, and nobody repeats the statement.
  if (failure.commits) statement.in_transaction = true;
  switch (rule.tell) {
    case Tell::kUnknownNothingLeft:
      error.text += kNothingRemains;
      return failover::mysql::ToStatus(error, statement);
    case Tell::kBackendsError:
    case Tell::kUnknown:
      return StatusOfAnswer(error, statement);
    case Tell::kRolledBack:
      return TransactionRolledBack(error.text);
    case Tell::kConnectionGone:
      return ConnectionWasGone();
    case Tell::kAnswerLost:
      return NotExecuted(
          absl::StrCat("the session got another connection and lost ", failure.lost));
    case Tell::kPrepareAgain:
      return Refused(PrepareAgain());
    case Tell::kFileRefused:
      return Refused(FileRefused());
    case Tell::kNothing:
      return absl::CancelledError("the client's connection ends without an answer");
  }
  return absl::InternalError("no row of the table of failures fits");
}

}  // namespace mysql_proxy

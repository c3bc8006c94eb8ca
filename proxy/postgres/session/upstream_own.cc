// The messages that the proxy itself sends between two requests, so that the next request finds
// what it needs.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "proxy/postgres/protocol/error_message.h"
#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/session/look.h"
#include "proxy/postgres/session/proxy_errors.h"
#include "proxy/postgres/session/upstream.h"

namespace postgres_proxy {

using failover::postgres::PostgresError;
using failover::postgres::Severity;
using failover::postgres::Source;
using failover::postgres::StatementKind;
using proxy::Task;

// The answer goes through the same cutter as all others, because a message that belongs to no
// request may have come in half.
Task<bool> Upstream::RunOwn(std::string_view messages) {
  const std::size_t sent = co_await connection_->Send(messages);
  if (sent < messages.size()) co_return false;
  own_.emplace();
  while (own_->status == '\0') {
    const std::string_view bytes = co_await connection_->Receive();
    if (bytes.empty() || Feed(bytes) == Progress::kFailed) co_return false;
  }
  co_return true;
}

Upstream::Progress Upstream::TakeOwnAnswer() {
  const std::string message = TakeOut();
  const std::string_view body = std::string_view(message).substr(kHeaderSize);
  if (message[0] == backend::kError) {
    PostgresError error = ParseError(Source::kErrorResponse, body);
    if (error.severity != Severity::kError) {
      last_words_ = std::move(error);
      return Progress::kFailed;
    }
    own_->error = std::move(error);
  }
  if (message[0] == backend::kDataRow) own_->row = body;
  if (message[0] == backend::kReadyForQuery) {
    if (body.size() != 1) return Progress::kFailed;
    own_->status = body[0];
  }
  return Progress::kNeedsMore;
}

// The backend keeps what Parse and PREPARE have made, also if the request fails.
void Upstream::NoteRefusedParses() {
  StatementTraits undone;
  for (std::size_t i = 0; i < next_step_; ++i) {
    const Step& step = request_->steps()[i];
    if (step.type == frontend::kParse && !step.name.empty()) {
      statements_.Remove(step.name);
      refused_parses_.push_back(step.name);
    }
    for (const SessionChange& change : step.traits.changes) {
      if (change.kind != SessionChange::Kind::kRememberName) continue;
      undone.changes.push_back({SessionChange::Kind::kForgetName, {}, change.key, {}});
      refused_parses_.push_back(change.key);
    }
  }
  state_.Succeeded(undone, {});
}

Task<bool> Upstream::CloseRefused() {
  if (refused_parses_.empty()) co_return true;
  std::string messages;
  for (const std::string& name : std::exchange(refused_parses_, {})) {
    std::string body(1, 'S');
    PutText(name, body);
    PutMessage(frontend::kClose, body, messages);
  }
  PutMessage(frontend::kSync, {}, messages);
  const bool lives = co_await RunOwn(messages);
  own_.reset();
  co_return lives;
}

Task<absl::Status> Upstream::ParseAgain() {
  // What follows a Flush, and what EXECUTE names, is not known here. In a transaction nothing is
  // parsed on suspicion, because an error would end the transaction.
  const bool is_whole = request_->is_prelude() || (request_->closed() && !request_->flushed());
  const bool knows_needs =
      is_whole && !(request_->is_simple() && statement_.kind != StatementKind::kSingle);
  const bool certain = knows_needs || state_.transaction_open();
  const std::vector<PreparedPtr> wanted = certain ? request_->needs() : statements_.All();
  for (const PreparedPtr& prepared : wanted) {
    if (prepared->connection == connection_->number()) continue;
    std::string messages;
    PutMessage(frontend::kParse, prepared->parse, messages);
    PutMessage(frontend::kSync, {}, messages);
    const bool lives = co_await RunOwn(messages);
    if (!lives) co_return Fail(ExchangeEvent::kFoundDead);
    const OwnAnswer answer = *std::exchange(own_, std::nullopt);
    if (answer.error.has_value()) state_.Failed();
    state_.Ready(answer.status);
    if (!answer.error.has_value()) {
      prepared->connection = connection_->number();
    } else if (const absl::Status status = RefusedBy(*answer.error);
               context_.buffer.IsFailover(status) && !statement_.in_transaction) {
      absl::Status lost = Drop(std::string(status.message()));
      co_return lost.ok() ? status : lost;
    } else if (certain) {
      ExchangeFailure failure = Failure(ExchangeEvent::kParseRefused);
      failure.error = *answer.error;
      co_return Fail(failure);
    }
  }
  co_return absl::OkStatus();
}

std::optional<absl::Duration> Upstream::TimeToLook() const {
  if (!state_.wants_look() || state_.transaction_open() || connection_ == nullptr ||
      context_.postgres.look_interval == absl::InfiniteDuration()) {
    return std::nullopt;
  }
  const auto left = next_look_ - std::chrono::steady_clock::now();
  return std::max(absl::FromChrono(left), absl::ZeroDuration());
}

Task<> Upstream::Look() {
  next_look_ =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(context_.postgres.look_interval);
  const bool lives = co_await RunOwn(MessagesToLook());
  if (!lives) {
    // PassNews finds the connection dead, and does what follows.
    connection_->Close();
    own_.reset();
    co_return;
  }
  const OwnAnswer answer = *std::exchange(own_, std::nullopt);
  state_.Ready(answer.status);
  // A client's cancel or its statement_timeout may have ended the look. The next one follows.
  const std::optional<Leftovers> found = LeftoversIn(answer.row);
  if (!answer.error.has_value() && found.has_value()) state_.Looked(*found);
}

}  // namespace postgres_proxy

// One exchange with a backend: the request, the answer, and what follows from a failure.
#include <utility>

#include "proxy/postgres/session/proxy_errors.h"
#include "proxy/postgres/session/upstream.h"

namespace postgres_proxy {
namespace {

using failover::postgres::PostgresError;
using failover::postgres::SendState;
using failover::postgres::Source;
using failover::postgres::StatementKind;
using proxy::Task;

// A session that once sent a large request does not keep the memory for ever.
constexpr std::size_t kMemoryToKeep = std::size_t{64} << 10;

}  // namespace

// --- The request ---------------------------------------------------------------------------------

void Upstream::Begin(Request& request, std::string& bytes) {
  request_ = &request;
  bytes_ = &bytes;
  statement_ = {};
  statement_.in_transaction = state_.transaction_open();
  status_after_error_ = 'I';
  told_ = false;
}

void Upstream::ClearAnswer() {
  if (out_.empty() && out_.capacity() > kMemoryToKeep) out_.shrink_to_fit();
  last_words_.reset();
  warning_.reset();
  warning_bytes_.clear();
  refusal_.reset();
  passed_error_ = absl::OkStatus();
  copying_ = passing_ = partly_passed_ = done_ = halfway_ = false;
  in_block_ = statement_.in_transaction;
  next_step_ = statements_answered_ = 0;
}

Task<absl::Status> Upstream::Execute(proxy::ReplyNotice& notice) {
  if (is_abandoned_) co_return absl::CancelledError("the session is to end");
  statement_.send_state = SendState::kNotSent;
  statement_.kind =
      context_.postgres.repeat_sent ? request_->kind() : StatementKind::kMayCommitInside;
  statement_.read_only_requested = state_.read_only_requested() || request_->read_only_requested();
  statement_.reply_begun = false;
  const bool lives = ReadNews();
  if (statement_.in_transaction && (!lives || connection_ == nullptr)) {
    co_return Fail(ExchangeEvent::kFoundDead);
  }
  absl::Status status = co_await Connect();
  if (!status.ok()) co_return status;
  ClearAnswer();
  const bool closed = co_await CloseRefused();
  if (!closed) co_return Fail(ExchangeEvent::kFoundDead);
  status = co_await ParseAgain();
  if (!status.ok()) co_return status;
  co_return co_await Exchange(notice);
}

Task<absl::Status> Upstream::Exchange(proxy::ReplyNotice& notice) {
  epoch_when_sent_ = context_.shard.epoch();
  ready_expected_ = request_->closed() ? 1 : 0;
  prelude_ = request_->is_prelude();
  passing_ = !prelude_ && (request_->flushed() || !request_->closed());
  // A Query makes the unnamed statement disappear.
  if (request_->is_simple()) statements_.Remove({});
  is_waiting_ = true;
  bool lives = true;
  unsent_ = *bytes_;
  unsent_.remove_prefix(connection_->SendNow(unsent_, lives));
  if (!lives && unsent_.size() == bytes_->size()) co_return Fail(ExchangeEvent::kFoundDead);
  statement_.send_state = SendState::kSent;
  kept_ = request_->closed() || prelude_;
  if (!kept_) ReleaseBytes();
  absl::Status status = co_await Pump(notice);
  if (done_) is_waiting_ = false;
  co_return status;
}

// --- Both directions -----------------------------------------------------------------------------

Task<absl::Status> Upstream::Pump(proxy::ReplyNotice& notice) {
  while (true) {
    std::string_view bytes;
    if (SendMore()) {
      bytes = connection_->ReceiveNow();
      if (bytes.empty() && !connection_->is_lost()) {
        co_await input_wait_.WaitForEither(connection_->stream().socket());
        continue;
      }
    } else if (request_->closed() || prelude_) {
      bytes = co_await connection_->Receive();
    } else {
      bytes = connection_->ReceiveNow();
      if (bytes.empty() && !connection_->is_lost()) {
        const Forwarded forwarded = co_await ForwardInput();
        if (forwarded == Forwarded::kClientGone) co_return Fail(ExchangeEvent::kClientGone);
        if (forwarded == Forwarded::kNothing) {
          co_await input_wait_.Wait(&client_.socket().socket(), &connection_->stream().socket());
        }
        continue;
      }
    }
    const Progress progress = bytes.empty() ? Progress::kFailed : Feed(bytes);
    const bool written = co_await Flush(notice);
    if (!written) co_return Fail(ExchangeEvent::kClientGone);
    if (progress == Progress::kFailed) {
      const bool malformed = !bytes.empty() && !last_words_.has_value();
      co_return Fail(malformed ? ExchangeEvent::kMalformed : ExchangeEvent::kLost);
    }
    if (progress != Progress::kDone) continue;
    if (!std::exchange(unsent_, {}).empty()) {
      // A backend that answers a request before the end of it is out of step.
      connection_->Close();
    }
    if (halfway_) co_return co_await FinishMessage();
    if (refusal_.has_value()) co_return Fail(*refusal_);
    co_return passed_error_;
  }
}

bool Upstream::SendMore() {
  if (unsent_.empty()) return false;
  bool lives = true;
  unsent_.remove_prefix(connection_->SendNow(unsent_, lives));
  // If the connection is lost, the next read says so, and what the backend's last words were.
  if (!lives) unsent_ = {};
  return !unsent_.empty();
}

void Upstream::ReleaseBytes() {
  released_ = unsent_;
  unsent_ = released_;
  bytes_->clear();
}

Task<Upstream::Forwarded> Upstream::ForwardInput() {
  if (client_.socket().input().empty()) {
    switch (client_.socket().ReceiveNow()) {
      case proxy::ClientSocket::Now::kBytes:
        break;
      case proxy::ClientSocket::Now::kNothing:
        co_return Forwarded::kNothing;
      case proxy::ClientSocket::Now::kGone:
        co_return Forwarded::kClientGone;
    }
  }
  std::size_t whole = 0;  // how much of *bytes_ may be sent
  while (!client_.socket().input().empty() && (halfway_ || !request_->closed())) {
    switch (client_.Take(*bytes_, copying_ || halfway_)) {
      case ClientConnection::Taken::kNothing:
        if (client_.inside_copy_data()) {
          halfway_ = true;
          whole = bytes_->size();
        }
        break;
      case ClientConnection::Taken::kMessage: {
        const bool is_rest = std::exchange(halfway_, false);
        const std::string_view message = std::string_view(*bytes_).substr(whole);
        if (!is_rest && !TakeMessage(client_.type(), message.substr(kHeaderSize))) {
          co_return Forwarded::kClientGone;
        }
        whole = bytes_->size();
        break;
      }
      case ClientConnection::Taken::kTooLong:
      case ClientConnection::Taken::kMalformed:
        co_return Forwarded::kClientGone;
    }
  }
  if (whole > 0) {
    released_ = bytes_->substr(0, whole);
    unsent_ = released_;
    bytes_->erase(0, whole);
  }
  co_return Forwarded::kSomething;
}

// The backend ended the COPY, while the client was in the middle of a message.
Task<absl::Status> Upstream::FinishMessage() {
  while (halfway_) {
    const Forwarded forwarded = co_await ForwardInput();
    if (forwarded == Forwarded::kClientGone) co_return Fail(ExchangeEvent::kClientGone);
    // The backend answers nothing to what is left of the message.
    const std::string_view rest = std::exchange(unsent_, {});
    if (!rest.empty()) co_await connection_->Send(rest);
    if (forwarded == Forwarded::kNothing) {
      co_await input_wait_.Wait(&client_.socket().socket(), nullptr);
    }
  }
  co_return passed_error_;
}

bool Upstream::TakeMessage(char type, std::string_view body) {
  switch (type) {
    case frontend::kTerminate:
      return false;
    case frontend::kCopyData:
      return true;
    case frontend::kCopyDone:
    case frontend::kCopyFail:
      // Behind a Query nothing more is expected from the client. The extended protocol needs a
      // Sync.
      if (std::exchange(copying_, false) && request_->is_simple()) request_->Close();
      return true;
    default:
      break;
  }
  // During COPY the backend ignores a Flush and a Sync, and everything else is an error.
  if (copying_) return true;
  if (!request_->Add(type, body)) return false;
  if (request_->closed()) ++ready_expected_;
  return true;
}

// --- Failures ------------------------------------------------------------------------------------

PostgresError Upstream::LastWords() const {
  if (last_words_.has_value()) return *last_words_;
  if (warning_.has_value()) return *warning_;
  PostgresError error;
  error.source = Source::kConnectionLost;
  error.text = connection_ == nullptr ? why_lost_ : connection_->why();
  if (error.text.empty()) error.text = "the connection was lost";
  return error;
}

ExchangeFailure Upstream::Failure(ExchangeEvent event) const {
  ExchangeFailure failure;
  failure.event = event;
  failure.statement = statement_;
  // Nothing but the messages so far was sent.
  if (statement_.in_transaction) failure.statement.kind = request_->kind_so_far();
  failure.begins = request_->begins_transaction();
  failure.error = LastWords();
  if (statement_.send_state == SendState::kReplyStarted) {
    failure.passed = partly_passed_ ? AnswerPassed::kPartOfMessage : AnswerPassed::kWholeMessages;
  }
  return failure;
}

absl::Status Upstream::Fail(ExchangeEvent event) { return Fail(Failure(event)); }

absl::Status Upstream::Fail(const ExchangeFailure& failure) {
  const FailureRule& rule = RuleFor(failure);
  absl::Status told = StatusFor(rule, failure);
  switch (rule.status) {
    case FailureStatus::kIdle:
      status_after_error_ = 'I';
      break;
    case FailureStatus::kFailed:
      status_after_error_ = 'E';
      break;
    case FailureStatus::kAsIs:
      status_after_error_ = state_.status();
      break;
  }
  // The error that the client has got left the transaction open, so the client has to end it.
  if (told_) status_after_error_ = in_block_ ? 'E' : 'I';
  if (failure.event == ExchangeEvent::kError) is_outdated_ = epoch_ != epoch_when_sent_;
  if (rule.connection == FailureConnection::kKept) return told;
  absl::Status lost = Drop(failure.error.text);
  transaction_lost_ = false;
  if (lost.ok()) return told;
  if (rule.repeat != FailureRepeat::kNever) return lost;
  // The client learns of the rest with its next request.
  news_ = std::move(lost);
  return told;
}

}  // namespace postgres_proxy

#include "proxy/postgres/session/postgres_session.h"

#include <utility>

#include "absl/time/time.h"
#include "proxy/core/connection_policy.h"
#include "proxy/core/deadline.h"
#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/session/lost_transaction.h"
#include "proxy/postgres/session/proxy_errors.h"

namespace postgres_proxy {
namespace {

using proxy::Task;
using Taken = ClientConnection::Taken;

// A session that once sent a large request does not keep the memory for ever.
constexpr std::size_t kMemoryToKeep = std::size_t{64} << 10;

class RequestAttempt final : public proxy::RetriedStatement {
 public:
  RequestAttempt(Upstream& upstream, Request& request, std::string& bytes)
      : upstream_(upstream), request_(request), bytes_(bytes.size()) {
    upstream_.Begin(request, bytes);
  }

  Task<absl::Status> Try(proxy::ReplyNotice& notice) override {
    co_return co_await upstream_.Execute(notice);
  }
  bool MayBeHeld() const override { return !upstream_.state().transaction_open(); }
  bool MayRepeatAtOnce(const absl::Status& error) const override {
    return IsConnectionWasGone(error);
  }
  std::size_t bytes() const override { return bytes_; }
  // When the backend refuses a part of the request, or a COMMIT, the request ends there.
  bool MayComeBack() const override {
    using failover::postgres::StatementKind;
    const StatementKind kind = request_.kind();
    return kind == StatementKind::kSingle || kind == StatementKind::kPipeline ||
           kind == StatementKind::kBegin;
  }
  bool Writes() const override { return request_.writes(); }
  failover::Work work() const override {
    return request_.may_begin_transaction() ? failover::Work::kTransaction
                                            : failover::Work::kStatement;
  }
  bool LeavesTransaction() const override { return upstream_.state().transaction_open(); }

 private:
  Upstream& upstream_;
  const Request& request_;
  const std::size_t bytes_;
};

}  // namespace

PostgresSession::PostgresSession(const PostgresContext& context, proxy::Socket socket,
                                 proxy::Admission admission)
    : context_(context),
      executor_(socket.get_executor()),
      client_(std::move(socket)),
      admission_(std::move(admission)),
      driver_(context, executor_),
      input_wait_(executor_) {
  admission_.OnEviction([this] { client_.Close(); });
}

PostgresSession::~PostgresSession() { client_.Close(); }

Task<> PostgresSession::Run() {
  bool goes_on = co_await LogIn();
  while (goes_on) goes_on = co_await ServeOneRequest();
}

void PostgresSession::Drain() {
  draining_ = true;
  if (idle_) input_wait_.Wake();
}

void PostgresSession::End() {
  ended_ = true;
  if (upstream_.has_value()) upstream_->Abandon();
  client_.Close();
  input_wait_.Wake();
}

bool PostgresSession::MustEnd() const {
  return !prelude_ && proxy::EndsInDrain(draining_, upstream_->state().transaction_open());
}

void PostgresSession::GiveUpIfSilent() {
  if (!upstream_.has_value()) return;
  upstream_->GiveUpIfSilent();
  // The backend must not go on for nobody, with its locks. The backend itself sees the end of its
  // connection as it sees that of a client.
  if (upstream_->is_waiting() && client_.socket().HasLeft()) upstream_->Abandon();
}

// --- Requests ------------------------------------------------------------------------------------

Task<bool> PostgresSession::ServeOneRequest() {
  if (MustEnd()) {
    co_await WriteFatal("57P01", "terminating connection due to administrator command");
    co_return false;
  }
  // What is left of a message belongs to the next request.
  if (!client_.inside()) {
    bytes_.clear();
    if (bytes_.capacity() > kMemoryToKeep) bytes_.shrink_to_fit();
  }
  Request request(upstream_->statements(), upstream_->state().text_rules());
  const bool read = co_await ReadRequest(request);
  if (!read) co_return false;
  if (upstream_->transaction_lost() || transaction_lost_) {
    co_return co_await AnswerLostTransaction(request);
  }
  const bool goes_on = co_await RunRequest(request);
  prelude_ = request.is_prelude();
  co_return goes_on;
}

Task<bool> PostgresSession::ReadRequest(Request& request) {
  std::size_t begin = 0;  // where the message at hand begins in bytes_
  while (!request.closed() && !request.flushed()) {
    switch (client_.Take(bytes_, /*is_copying=*/true)) {
      case Taken::kMessage: {
        const bool goes_on = co_await TakeMessage(request, begin);
        if (!goes_on) co_return false;
        begin = bytes_.size();
        // So much is not kept. What follows is passed on as it comes.
        if (begin > context_.postgres.max_message_size) co_return true;
        break;
      }
      case Taken::kNothing: {
        // COPY data that nobody waits for any more.
        if (client_.inside_copy_data()) bytes_.resize(begin);
        const bool goes_on = co_await AwaitInput(!client_.inside() && begin == 0 && !prelude_);
        if (!goes_on) co_return false;
        break;
      }
      case Taken::kTooLong:
        co_await WriteFatal("54000", "the message is longer than the proxy's --max-message-size");
        co_return false;
      case Taken::kMalformed:
        co_await WriteFatal("08P01", "invalid message length");
        co_return false;
    }
  }
  co_return true;
}

Task<bool> PostgresSession::AwaitInput(bool idle) {
  while (true) {
    switch (client_.socket().ReceiveNow()) {
      case proxy::ClientSocket::Now::kBytes:
        co_return true;
      case proxy::ClientSocket::Now::kGone:
        co_return false;
      case proxy::ClientSocket::Now::kNothing:
        break;
    }
    if (idle) {
      if (MustEnd()) {
        co_await WriteFatal("57P01", "terminating connection due to administrator command");
        co_return false;
      }
      std::string last_words;
      const bool goes_on = co_await upstream_->PassNews(last_words);
      if (!goes_on) {
        if (!last_words.empty()) co_await client_.Write(last_words);
        co_return false;
      }
      if (!upstream_->state().transaction_open()) driver_.TransactionEnded();
    }
    const std::optional<absl::Duration> to_look = idle ? upstream_->TimeToLook() : std::nullopt;
    if (to_look == absl::ZeroDuration()) {
      co_await upstream_->Look();
      continue;
    }
    std::optional<proxy::Deadline> look;
    if (to_look.has_value()) {
      look.emplace(executor_, *to_look + absl::Milliseconds(1), [this] { input_wait_.Wake(); });
    }
    BackendConnection* const connection = idle ? upstream_->connection() : nullptr;
    idle_ = idle;
    co_await input_wait_.Wait(&client_.socket().socket(),
                              connection == nullptr ? nullptr : &connection->stream().socket());
    idle_ = false;
  }
}

Task<bool> PostgresSession::TakeMessage(Request& request, std::size_t begin) {
  switch (client_.type()) {
    case frontend::kTerminate:
      co_return false;
    // A server ignores what is left of a COPY that failed.
    case frontend::kCopyData:
    case frontend::kCopyDone:
    case frontend::kCopyFail:
      bytes_.resize(begin);
      co_return true;
    default:
      break;
  }
  if (request.Add(client_.type(), std::string_view(bytes_).substr(begin + kHeaderSize))) {
    co_return true;
  }
  co_await WriteFatal("08P01", "invalid frontend message");
  co_return false;
}

Task<bool> PostgresSession::RunRequest(Request& request) {
  RequestAttempt attempt(*upstream_, request, bytes_);
  const proxy::RetryResult result = co_await driver_.Run(attempt, client_.socket());
  if (result.error.ok() || upstream_->answered()) co_return true;
  if (absl::IsCancelled(result.error)) co_return false;
  if (upstream_->told()) {
    // The connection ended between the error and ReadyForQuery.
    const char status = upstream_->status_after_error();
    transaction_lost_ = status == 'E';
    co_return co_await EndAnswer(status, request);
  }
  const ProxyError error = ForClient(result.error, result.before);
  const char status = upstream_->status_after_error();
  transaction_lost_ = status == 'E' && !upstream_->state().transaction_open();
  if (transaction_lost_ && request.control() == Control::kRollback) {
    // The client has what it wants. What it has got of the answer already is not said again.
    transaction_lost_ = false;
    if (upstream_->reply_begun()) co_return co_await TellError(error, 'I', request);
    const std::string answer = AnswerToEnd(request, upstream_->statements());
    co_return co_await client_.Write(answer);
  }
  co_return co_await TellError(error, status, request);
}

// The transaction was lost while no request ran, or the client has been told that it was lost.
Task<bool> PostgresSession::AnswerLostTransaction(Request& request) {
  const bool was_told = !upstream_->transaction_lost();
  const std::string why = upstream_->why_lost();
  upstream_->TransactionToldLost();
  // A request that is not closed ends nothing: its client waits for an answer before it goes on.
  const bool ends = EndsLostTransaction(request);
  transaction_lost_ = !ends;
  // A client that commits must learn that nothing was committed.
  if (ends && (was_told || request.control() == Control::kRollback)) {
    const std::string answer = AnswerToEnd(request, upstream_->statements());
    co_return co_await client_.Write(answer);
  }
  const ProxyError error =
      was_told ? InLostTransaction() : ForClient(TransactionRolledBack(why), absl::OkStatus());
  co_return co_await TellError(error, ends ? 'I' : 'E', request);
}

Task<bool> PostgresSession::TellError(const ProxyError& error, char status, Request& request) {
  std::string message;
  PutError(error, message);
  if (!request.closed()) {
    const bool written = co_await client_.Write(message);
    if (!written) co_return false;
    message.clear();
  }
  co_return co_await EndAnswer(status, request, std::move(message));
}

Task<bool> PostgresSession::EndAnswer(char status, Request& request, std::string before) {
  if (!request.closed()) {
    const bool goes_on = co_await SkipToSync(request);
    if (!goes_on) co_return false;
  }
  PutReady(status, before);
  co_return co_await client_.Write(before);
}

Task<bool> PostgresSession::SkipToSync(Request& request) {
  // The answer to a Query ends without a Sync, also if it was a COPY.
  if (request.is_simple()) co_return true;
  request.SkipToSync();
  while (!request.closed()) {
    if (!client_.inside()) bytes_.clear();
    switch (client_.Take(bytes_, /*is_copying=*/true)) {
      case Taken::kMessage:
        if (client_.type() == frontend::kTerminate) co_return false;
        if (client_.type() == frontend::kSync) request.Close();
        break;
      case Taken::kNothing: {
        if (client_.inside_copy_data()) bytes_.clear();
        const bool goes_on = co_await AwaitInput(/*idle=*/false);
        if (!goes_on) co_return false;
        break;
      }
      case Taken::kTooLong:
      case Taken::kMalformed:
        co_return false;
    }
  }
  co_return true;
}

Task<bool> PostgresSession::WriteFatal(std::string_view sqlstate, std::string_view text) {
  std::string message;
  PutError({"FATAL", std::string(sqlstate), std::string(text)}, message);
  co_return co_await client_.Write(message);
}

}  // namespace postgres_proxy

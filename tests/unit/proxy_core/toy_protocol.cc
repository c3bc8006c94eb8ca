#include "toy_protocol.h"

#include <sys/socket.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/write.hpp>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "failover/errors.h"
#include "proxy/core/client_socket.h"
#include "proxy/core/connection_policy.h"
#include "proxy/core/retry_driver.h"

namespace proxy::test {
namespace {

// Errors are made by functions: g++ 12 destroys a temporary twice if it is part of a co_await
// expression.

absl::Status Refused(std::string_view why) {
  return failover::MarkCausedByFailover(absl::UnavailableError(std::string(why)));
}

absl::Status RefusedAtConnect() {
  return failover::MarkCausedByFailover(absl::UnavailableError("cannot connect"),
                                        failover::RefusedAt::kConnect);
}

absl::Status FoundDead() { return absl::AbortedError("the connection was found dead"); }

// The backend side of a session: sends a line, and returns the line that is the answer.
class ToyUpstream {
 public:
  ToyUpstream(const Context& context, const Executor& executor)
      : context_(context), socket_(executor) {}

  bool in_transaction() const { return in_transaction_; }

  Task<absl::Status> Execute(const std::string& line, std::string& answer) {
    absl::Status connected = co_await Connect();
    if (abandoned_) co_return absl::CancelledError("the session is to end");
    if (!connected.ok()) co_return connected;
    std::error_code error;
    co_await asio::async_write(socket_, asio::buffer(line), ErrorTo(error));
    if (error) co_return Lost();
    answer.clear();
    while (answer.empty() || answer.back() != '\n') {
      char bytes[64];
      const std::size_t count =
          co_await socket_.async_read_some(asio::buffer(bytes), ErrorTo(error));
      if (error) co_return Lost();
      answer.append(bytes, count);
    }
    if (answer == "read-only\n") co_return Refused("the backend is read-only");
    if (line == "begin\n") in_transaction_ = true;
    if (line == "commit\n") in_transaction_ = false;
    co_return absl::OkStatus();
  }

  void GiveUpIfSilent() {
    if (socket_.is_open() && MustGiveUp(context_, backend_)) Close();
  }
  // Nothing is sent any more.
  void Abandon() {
    abandoned_ = true;
    Close();
  }

 private:
  Task<absl::Status> Connect() {
    ConnectionUse use;
    use.backend = backend_;
    use.epoch = epoch_;
    use.transaction_open = in_transaction_;
    if (socket_.is_open() && !MayKeep(context_, use)) Close();
    if (socket_.is_open() && IsStale()) {
      Close();
      co_return FoundDead();
    }
    if (socket_.is_open()) co_return absl::OkStatus();
    const std::uint64_t epoch = context_.shard.epoch();
    const std::optional<std::size_t> primary = context_.router.primary();
    if (!primary.has_value()) co_return RefusedAtConnect();
    backend_ = *primary;
    const Address& address = context_.router.backends()[backend_];
    const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(address.host), address.port);
    std::error_code error;
    co_await socket_.async_connect(endpoint, ErrorTo(error));
    epoch_ = epoch;
    if (!error) co_return absl::OkStatus();
    Close();
    co_return RefusedAtConnect();
  }

  bool IsStale() {
    char byte;
    return recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
  }

  absl::Status Lost() {
    Close();
    in_transaction_ = false;
    return absl::UnknownError(kOutcomeUnknown);
  }

  void Close() {
    std::error_code ignored;
    socket_.close(ignored);
  }

  const Context& context_;
  Socket socket_;
  std::size_t backend_ = 0;
  std::uint64_t epoch_ = 0;
  bool in_transaction_ = false;
  bool abandoned_ = false;
};

class ToyStatement final : public RetriedStatement {
 public:
  ToyStatement(std::string line, ToyUpstream& upstream, ClientSocket& client)
      : line_(std::move(line)), upstream_(upstream), client_(client) {}

  Task<absl::Status> Try(ReplyNotice& notice) override {
    std::string answer;
    absl::Status status = co_await upstream_.Execute(line_, answer);
    if (!status.ok()) co_return status;
    notice.ReplyBegan();
    const bool written = co_await client_.Write(answer);
    co_return written ? absl::OkStatus() : absl::CancelledError("the client is gone");
  }
  bool MayBeHeld() const override { return !upstream_.in_transaction(); }
  bool MayRepeatAtOnce(const absl::Status& error) const override { return absl::IsAborted(error); }
  std::size_t bytes() const override { return line_.size(); }

 private:
  const std::string line_;
  ToyUpstream& upstream_;
  ClientSocket& client_;
};

class ToySession final : public Session {
 public:
  ToySession(const Context& context, Socket socket, Admission admission)
      : upstream_(context, socket.get_executor()),
        driver_(context, socket.get_executor()),
        client_(std::make_shared<ClientSocket>(std::move(socket))),
        admission_(std::move(admission)) {
    admission_.OnEviction([this] { client_->Close(); });
  }
  ~ToySession() override { client_->Close(); }

  Task<> Run() override {
    bool goes_on = true;
    while (goes_on && !MustEnd()) goes_on = co_await ServeOneLine();
  }

  void Drain() override {
    draining_ = true;
    if (idle_ && MustEnd()) client_->Close();
  }

  void End() override {
    upstream_.Abandon();
    client_->Close();
  }

  void GiveUpIfSilent() override { upstream_.GiveUpIfSilent(); }

 private:
  bool MustEnd() const { return EndsInDrain(draining_, upstream_.in_transaction()); }

  Task<bool> ServeOneLine() {
    std::string line;
    idle_ = true;
    const bool read = co_await ReadLine(line);
    idle_ = false;
    if (!read || MustEnd()) co_return false;
    if (!logged_in_ && admission_.LogIn("toy") != LoginAnswer::kWelcome) {
      const std::string refusal = std::string(kTooMany) + "\n";
      co_await client_->Write(refusal);
      co_return false;
    }
    logged_in_ = true;
    ToyStatement statement(std::move(line), upstream_, *client_);
    const RetryResult result = co_await driver_.Run(statement, *client_);
    if (absl::IsCancelled(result.error)) co_return false;
    if (result.error.ok()) co_return true;
    const std::string why(result.error.message());
    const std::string answer =
        (absl::IsUnknown(result.error) ? why : std::string(kNotExecuted) + why) + "\n";
    co_return co_await client_->Write(answer);
  }

  Task<bool> ReadLine(std::string& line) {
    while (line.empty() || line.back() != '\n') {
      std::string_view& input = client_->input();
      if (input.empty()) {
        const bool received = co_await client_->Receive();
        if (!received) co_return false;
      }
      const std::size_t length = std::min(input.find('\n'), input.size() - 1) + 1;
      line.append(input.substr(0, length));
      input.remove_prefix(length);
    }
    co_return true;
  }

  ToyUpstream upstream_;
  RetryDriver driver_;
  const std::shared_ptr<ClientSocket> client_;
  Admission admission_;
  bool logged_in_ = false;
  bool idle_ = false;
  bool draining_ = false;
};

}  // namespace

std::unique_ptr<Session> ToyProtocol::Accept(Socket socket, std::uint32_t,
                                             Admission admission) const {
  if (without_memory_) throw std::bad_alloc();
  return std::make_unique<ToySession>(context_, std::move(socket), std::move(admission));
}

}  // namespace proxy::test

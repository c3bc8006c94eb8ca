#include "proxy/postgres/session/backend_connection.h"

#include <asio/buffer.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proxy/postgres/protocol/error_message.h"
#include "proxy/postgres/session/proxy_errors.h"

namespace postgres_proxy {
namespace {

using failover::postgres::PostgresError;
using failover::postgres::Severity;
using failover::postgres::Source;
using proxy::Task;

// The longest message that the proxy itself asks for, in bytes.
constexpr std::size_t kMaxAnswer = std::size_t{1} << 20;

}  // namespace

Task<absl::Status> BackendConnection::Connect(const proxy::Address& address, BackendLogin login) {
  absl::Status status = co_await Dial(address, login.tls);
  if (!status.ok()) co_return status;
  // The session belongs to the user who has proved who that is.
  Parameters parameters = login.parameters;
  for (auto& [name, value] : parameters) {
    if (name == "user") value = login.credentials.user();
  }
  const std::string startup = BuildStartup(parameters);
  const std::size_t sent = co_await Send(startup);
  if (sent < startup.size()) co_return Failed("login");
  status = co_await Authenticate(login);
  if (status.ok()) status = co_await AwaitReady();
  logged_in_ = status.ok();
  co_return status;
}

Task<absl::Status> BackendConnection::Dial(const proxy::Address& address,
                                           const proxy::BackendTls& tls) {
  address_ = address.ToString();
  std::error_code error;
  const asio::ip::address ip = asio::ip::make_address(address.host, error);
  if (!error) {
    const asio::ip::tcp::endpoint endpoint(ip, address.port);
    co_await stream_.socket().async_connect(endpoint, proxy::ErrorTo(error));
  }
  if (error) {
    why_ = error == asio::error::operation_aborted ? "timed out" : error.message();
    co_return Failed("connect");
  }
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), error);
  stream_.socket().set_option(asio::socket_base::keep_alive(true), error);
  stream_.socket().non_blocking(true, error);
  co_return co_await Encrypt(tls);
}

Task<absl::Status> BackendConnection::Encrypt(const proxy::BackendTls& tls) {
  if (tls.mode == proxy::BackendTlsMode::kOff) co_return absl::OkStatus();
  const std::string request = BuildTlsRequest();
  const std::size_t sent = co_await Send(request);
  if (sent < request.size()) co_return Failed("TLS");
  // What is behind this byte belongs to TLS.
  char answer = '\0';
  std::error_code error;
  const std::size_t count = co_await stream_.Read(asio::buffer(&answer, 1), error);
  if (error || count == 0) co_return Failed("no answer to the request for TLS");
  if (answer == 'N' && tls.mode == proxy::BackendTlsMode::kPreferred) co_return absl::OkStatus();
  if (answer != 'S') co_return Unacceptable("the backend offers no TLS");
  const absl::Status encrypted = co_await stream_.ConnectTls(tls);
  if (encrypted.ok()) co_return absl::OkStatus();
  // A connection that was lost is what a failover looks like. To wait for the end of a failover
  // does not help against a certificate that is not good enough.
  const std::string why(encrypted.message());
  co_return absl::IsUnavailable(encrypted) ? Failed(why) : Unacceptable(why);
}

// --- Messages ------------------------------------------------------------------------------------

Task<bool> BackendConnection::ReadMessage() {
  message_.clear();
  while (true) {
    const MessageCutter::State state = cutter_.Feed(input_, message_);
    if (state == MessageCutter::State::kComplete) co_return true;
    const bool too_long = cutter_.has_header() && cutter_.body_size() > kMaxAnswer;
    if (too_long || state == MessageCutter::State::kMalformed) {
      why_ = "malformed message";
      co_return false;
    }
    input_ = co_await Receive();
    if (input_.empty()) co_return false;
  }
}

Task<bool> BackendConnection::SendMessage(char type, std::string_view body) {
  std::string wire;
  PutMessage(type, body, wire);
  const std::size_t sent = co_await Send(wire);
  co_return sent == wire.size();
}

Task<std::size_t> BackendConnection::Send(std::string_view bytes) {
  std::error_code error;
  const std::size_t count = co_await stream_.Write(bytes, error);
  if (error) why_ = error.message();
  co_return count;
}

std::size_t BackendConnection::SendNow(std::string_view bytes, bool& lives) {
  std::error_code error;
  const std::size_t count = stream_.WriteSome(bytes, error);
  lives = !error || error == asio::error::would_block || error == asio::error::try_again;
  if (!lives) why_ = error.message();
  return lives && error ? 0 : count;
}

Task<std::string_view> BackendConnection::Receive() {
  if (!input_.empty()) co_return std::exchange(input_, {});
  std::error_code error;
  const std::size_t count = co_await stream_.Read(asio::buffer(buffer_), error);
  if (error) {
    lost_ = true;
    why_ = error == asio::error::operation_aborted ? "timed out" : error.message();
  }
  co_return std::string_view(buffer_.data(), count);
}

std::string_view BackendConnection::ReceiveNow() {
  if (!input_.empty()) return std::exchange(input_, {});
  std::error_code error;
  const std::size_t count = stream_.ReadNow(asio::buffer(buffer_), error);
  if (error && error != asio::error::would_block) {
    lost_ = true;
    why_ = error.message();
  }
  return {buffer_.data(), error ? 0 : count};
}

void BackendConnection::Close() { stream_.Close(); }

void BackendConnection::Quit() {
  std::string wire;
  PutMessage(frontend::kTerminate, {}, wire);
  // Nobody waits for a connection that cannot take these few bytes at once.
  if (logged_in_) stream_.WriteNow(wire);
  Close();
}

// --- The proxy's own statements ------------------------------------------------------------------

void BackendConnection::LearnParameter() {
  BodyReader reader(body());
  const std::string_view name = reader.Text();
  const std::string_view value = reader.Text();
  if (reader.ok()) parameters_[std::string(name)] = value;
}

Task<absl::Status> BackendConnection::AwaitReady() {
  absl::Status result;
  while (true) {
    const bool read = co_await ReadMessage();
    if (!read) co_return Failed("lost");
    switch (type()) {
      case backend::kParameterStatus:
        LearnParameter();
        break;
      case backend::kBackendKeyData:
        if (body().size() != 2 * sizeof(std::uint32_t)) co_return Failed("malformed key");
        key_ = {U32At(body()), U32At(body().substr(sizeof(std::uint32_t)))};
        break;
      case backend::kError:
        if (result.ok()) result = RefusedInLogin();
        if (ParseError(Source::kErrorResponse, body()).severity != Severity::kError) {
          co_return result;
        }
        break;
      case backend::kReadyForQuery:
        co_return result;
      default:
        break;
    }
  }
}

Task<absl::Status> BackendConnection::Run(std::string_view messages) {
  const std::size_t sent = co_await Send(messages);
  if (sent < messages.size()) co_return ConnectionWasGone(why_);
  co_return co_await AwaitReady();
}

Task<> BackendConnection::Cancel(const proxy::Address& address, const proxy::BackendTls& tls,
                                 const CancelKey& key) {
  const absl::Status status = co_await Dial(address, tls);
  if (!status.ok()) co_return;
  const std::string request = BuildCancel(key);
  co_await Send(request);
  co_await Receive();
  Close();
}

// --- Errors --------------------------------------------------------------------------------------

absl::Status BackendConnection::Failed(std::string_view what) const {
  std::string why(what);
  if (!why_.empty()) why.append(": ").append(why_);
  return CannotConnect(address_, why);
}

absl::Status BackendConnection::RefusedInLogin() const {
  const PostgresError error = ParseError(Source::kErrorResponse, body());
  // The backend ended between the login and the first statement. The next connect tells whether
  // the server did, too.
  if (error.severity == Severity::kFatal && error.sqlstate == "57P01") {
    return ConnectionWasGone(error.text);
  }
  return RefusedBy(error);
}

absl::Status BackendConnection::Unacceptable(std::string_view what) const {
  return Refused("08001", absl::StrCat(address_, ": ", std::string(what)));
}

}  // namespace postgres_proxy

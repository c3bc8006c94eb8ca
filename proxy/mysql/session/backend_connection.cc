#include "proxy/mysql/session/backend_connection.h"

#include <asio/buffer.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "proxy/mysql/session/proxy_errors.h"

namespace mysql_proxy {
namespace {

// The longest answer that a command of the proxy itself may have, in bytes.
constexpr std::size_t kMaxAnswer = std::size_t{1} << 20;

// The capabilities that a backend must have. With them every reply tells how it left the session.
constexpr std::uint32_t kRequired = capability::kProtocol41 | capability::kSecureConnection |
                                    capability::kPluginAuth | capability::kSessionTrack |
                                    capability::kDeprecateEof | capability::kTransactions;
// The capabilities that the backend is asked for if the client has asked for them.
constexpr std::uint32_t kPassedOn = capability::kFoundRows | capability::kOdbc |
                                    capability::kIgnoreSpace | capability::kInteractive |
                                    capability::kMultiStatements | capability::kMultiResults |
                                    capability::kPreparedMultiResults;

PasswordProof::Channel ChannelOf(const BackendLogin& login, bool encrypted) {
  return {encrypted && login.tls.mode == proxy::BackendTlsMode::kVerify, login.server_key};
}

absl::Status CannotProve(const std::string& address, const std::string& why) {
  return Refused({1251, "08004", absl::StrCat(address, ": ", why)});
}

std::string CommandOf(Command command, std::string_view text) {
  std::string payload(1, static_cast<char>(command));
  return payload.append(text);
}

class PrepareObserver final : public ReplyObserver {
 public:
  void OnOk(const OkPacket&) override {}
  failover::mysql::MysqlError OnError(const failover::mysql::MysqlError& error) override {
    return error;
  }
  void OnPrepared(const PreparedReply& reply) override { prepared = reply; }

  PreparedReply prepared;
};

}  // namespace

BackendConnection::BackendConnection(const proxy::Executor& executor, std::size_t backend,
                                     std::uint64_t number)
    : stream_(executor), backend_(backend), number_(number), assembler_(kMaxAnswer) {}

proxy::Task<absl::Status> BackendConnection::Connect(const proxy::Address& address,
                                                     const BackendLogin& login) {
  address_ = address.ToString();
  std::error_code error;
  const asio::ip::address ip = asio::ip::make_address(address.host, error);
  if (!error) {
    const asio::ip::tcp::endpoint endpoint(ip, address.port);
    co_await stream_.socket().async_connect(endpoint, proxy::ErrorTo(error));
  }
  if (error) co_return Failed(error.message());
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), error);
  stream_.socket().set_option(asio::socket_base::keep_alive(true), error);
  co_return co_await Handshake(login);
}

proxy::Task<absl::Status> BackendConnection::Handshake(const BackendLogin& login) {
  if (!co_await Read(0)) co_return Failed("no greeting");
  const std::string& packet = assembler_.packet();
  if (!packet.empty() && static_cast<std::uint8_t>(packet[0]) == kErrorHeader) {
    std::optional<failover::mysql::MysqlError> error = ParseError(packet);
    co_return error.has_value() ? Refused(*std::move(error)) : Failed("malformed greeting");
  }
  const std::optional<Greeting> greeting = ParseGreeting(packet);
  if (!greeting.has_value()) co_return Failed("malformed greeting");
  const std::uint32_t missing = login.mariadb_capabilities & ~greeting->mariadb_capabilities;
  if ((greeting->capabilities & kRequired) != kRequired || missing != 0) {
    co_return Refused({1043, "08S01", absl::StrCat(address_, ": the backend is too old")});
  }
  greeting_ = *greeting;
  Login answer;
  answer.capabilities = kRequired | capability::kLongFlag |
                        (login.mariadb_capabilities == 0 ? capability::kLongPassword : 0) |
                        (login.client_capabilities & greeting->capabilities & kPassedOn) |
                        (login.schema.empty() ? 0 : capability::kConnectWithDatabase);
  answer.mariadb_capabilities = login.mariadb_capabilities;
  answer.max_packet = 1 << 30;
  answer.collation = login.collation;
  answer.user = login.user;
  answer.database = login.schema;
  absl::Status encrypted = co_await Encrypt(login.tls, answer, greeting->capabilities);
  if (!encrypted.ok()) co_return encrypted;
  if (stream_.encrypted()) answer.capabilities |= capability::kTls;
  PasswordProof proof(login.password, ChannelOf(login, stream_.encrypted()));
  answer.auth_plugin = NameOf(PasswordProof::PluginFor(greeting->auth_plugin));
  answer.auth_answer = proof.Begin(answer.auth_plugin, greeting->scramble).bytes;
  const std::string payload = BuildLogin(answer);
  const std::uint8_t sequence = stream_.encrypted() ? 2 : 1;
  if (!co_await SendPacket(payload, sequence)) co_return Failed("login");
  co_return co_await Authenticate(proof, static_cast<std::uint8_t>(sequence + 1));
}

// `capabilities` are those of the backend.
proxy::Task<absl::Status> BackendConnection::Encrypt(const proxy::BackendTls& tls,
                                                     const Login& login,
                                                     std::uint32_t capabilities) {
  if (tls.mode == proxy::BackendTlsMode::kOff) co_return absl::OkStatus();
  if ((capabilities & capability::kTls) == 0) {
    if (tls.mode == proxy::BackendTlsMode::kPreferred) co_return absl::OkStatus();
    co_return RefusedByTls("the backend offers no TLS");
  }
  if (!input_.empty()) co_return RefusedByTls("the backend sent something before TLS");
  Login request = login;
  request.capabilities |= capability::kTls;
  const std::string payload = BuildTlsRequest(request);
  if (!co_await SendPacket(payload, 1)) co_return Failed("TLS");
  const absl::Status encrypted = co_await stream_.ConnectTls(tls);
  if (encrypted.ok()) co_return absl::OkStatus();
  // A connection that was lost is what a failover looks like. To wait for the end of a failover
  // does not help against a certificate that is not good enough.
  const std::string why(encrypted.message());
  co_return absl::IsUnavailable(encrypted) ? Failed(why) : RefusedByTls(why);
}

proxy::Task<absl::Status> BackendConnection::Authenticate(PasswordProof& proof,
                                                          std::uint8_t sequence) {
  // A backend asks for another method at most once.
  for (bool may_switch = true;;) {
    const bool read = co_await Read(sequence);
    const std::string& packet = assembler_.packet();
    if (!read || packet.empty()) co_return Failed("no answer to the login");
    sequence = assembler_.next_sequence();
    const auto header = static_cast<std::uint8_t>(packet[0]);
    if (header == kErrorHeader || header == kOkHeader) co_return EndLogin(packet);
    PasswordProof::Step step{PasswordProof::Next::kRefuse,
                             "the answer of the backend to the login makes no sense"};
    if (packet[0] == kMoreData) step = proof.Feed(packet);
    if (header == kEofHeader && std::exchange(may_switch, false)) {
      const std::optional<AuthSwitch> request = ParseAuthSwitch(packet);
      if (request.has_value()) step = proof.Begin(request->plugin, request->scramble);
    }
    if (step.next == PasswordProof::Next::kRefuse) co_return CannotProve(address_, step.bytes);
    if (step.next == PasswordProof::Next::kWait) continue;
    const bool sent = co_await SendPacket(step.bytes, sequence);
    Wipe(step.bytes);
    if (!sent) co_return Failed("login");
    ++sequence;
  }
}

absl::Status BackendConnection::EndLogin(std::string_view packet) {
  if (static_cast<std::uint8_t>(packet[0]) == kErrorHeader) {
    const std::optional<failover::mysql::MysqlError> error = ParseError(packet);
    return error.has_value() ? Refused(*error) : Failed("malformed error");
  }
  const std::optional<OkPacket> ok = ParseOk(packet);
  if (!ok.has_value()) return Failed("malformed answer to the login");
  status_ = ok->status;
  logged_in_ = true;
  return absl::OkStatus();
}

proxy::Task<absl::Status> BackendConnection::Execute(Command command, std::string_view text) {
  const std::string payload = CommandOf(command, text);
  if (!co_await SendPacket(payload, 0)) co_return Failed("lost");
  const bool read = co_await Read(1);
  const std::string& packet = assembler_.packet();
  if (!read || packet.empty()) co_return Failed("lost");
  if (static_cast<std::uint8_t>(packet[0]) == kErrorHeader) {
    std::optional<failover::mysql::MysqlError> error = ParseError(packet);
    co_return error.has_value() ? Refused(*std::move(error)) : Failed("malformed error");
  }
  const std::optional<OkPacket> ok = ParseOk(packet);
  if (!ok.has_value() || (ok->status & server_status::kMoreResults) != 0 || !input_.empty()) {
    co_return Failed("malformed answer");
  }
  status_ = ok->status;
  co_return absl::OkStatus();
}

proxy::Task<absl::StatusOr<PreparedReply>> BackendConnection::Prepare(std::string_view sql) {
  const std::string payload = CommandOf(Command::kStmtPrepare, sql);
  std::uint8_t sequence = 0;
  std::string wire;
  PutPacket(payload, sequence, wire);
  const std::size_t sent = co_await Send(wire);
  if (sent < wire.size()) co_return ConnectionWasGone();

  PrepareObserver observer;
  ReplyStream reply;
  ReplyStart start;
  start.kind = ReplyKind::kPrepared;
  start.server_sequence = sequence;
  reply.Begin(start, observer);
  std::string ignored;
  while (true) {
    const std::string_view bytes = co_await Receive();
    if (bytes.empty()) co_return ConnectionWasGone();
    const ReplyStream::Progress progress = reply.Feed(bytes, ignored);
    ignored.clear();
    if (progress == ReplyStream::Progress::kDone) co_return observer.prepared;
    if (progress == ReplyStream::Progress::kRefused) co_return Refused(reply.error());
    if (progress != ReplyStream::Progress::kNeedsMore) co_return ConnectionWasGone();
  }
}

bool BackendConnection::IsStale() { return stream_.HasNews(); }

proxy::Task<std::size_t> BackendConnection::Send(std::string_view bytes) {
  std::error_code error;
  const std::size_t count = co_await stream_.Write(bytes, error);
  co_return count;
}

proxy::Task<std::string_view> BackendConnection::Receive() {
  std::error_code error;
  const std::size_t count = co_await stream_.Read(asio::buffer(buffer_), error);
  tls_error_ = proxy::IsTlsError(error);
  if (error) why_ = error == asio::error::operation_aborted ? "timed out" : error.message();
  co_return std::string_view(buffer_.data(), count);
}

void BackendConnection::Close() { stream_.Close(); }

void BackendConnection::Quit() {
  std::string wire;
  std::uint8_t sequence = 0;
  PutPacket(CommandOf(Command::kQuit, {}), sequence, wire);
  // Nobody waits for a connection that cannot take these few bytes at once.
  if (logged_in_) stream_.WriteNow(wire);
  Close();
}

proxy::Task<bool> BackendConnection::Read(std::uint8_t sequence) {
  assembler_.Start(sequence);
  while (true) {
    switch (assembler_.Feed(input_)) {
      case PacketAssembler::State::kComplete:
        co_return true;
      case PacketAssembler::State::kTooLarge:
      case PacketAssembler::State::kOutOfOrder:
        why_ = "malformed packet";
        co_return false;
      case PacketAssembler::State::kNeedsMore:
        break;
    }
    input_ = co_await Receive();
    if (input_.empty()) co_return false;
  }
}

proxy::Task<bool> BackendConnection::SendPacket(std::string_view payload, std::uint8_t sequence) {
  std::string wire;
  PutPacket(payload, sequence, wire);
  const std::size_t sent = co_await Send(wire);
  co_return sent == wire.size();
}

absl::Status BackendConnection::Failed(std::string_view what) const {
  std::string why(what);
  if (!why_.empty()) why.append(": ").append(why_);
  return tls_error_ ? RefusedByTls(why) : CannotConnect(address_, why);
}

absl::Status BackendConnection::RefusedByTls(std::string_view why) const {
  // The number of CR_SSL_CONNECTION_ERROR. Clients see another number, see ForClient.
  return Refused({2026, "HY000", absl::StrCat(address_, ": ", std::string(why))});
}

}  // namespace mysql_proxy

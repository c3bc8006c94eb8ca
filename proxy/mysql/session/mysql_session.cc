#include "proxy/mysql/session/mysql_session.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "absl/status/status.h"
#include "proxy/core/connection_policy.h"
#include "proxy/core/deadline.h"
#include "proxy/core/login_attempt.h"
#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/native_password.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "proxy/mysql/session/admit.h"
#include "proxy/mysql/session/backend_connection.h"
#include "proxy/mysql/session/proxy_errors.h"

namespace mysql_proxy {
namespace {

using failover::mysql::MysqlError;
using proxy::Task;
using ReadEnd = ClientConnection::ReadEnd;

// The capabilities that clients may ask for. Three kinds are missing. kLocalFiles would let a
// backend ask the client for any file. Compression is not implemented. Greet adds kTls.
constexpr std::uint32_t kCapabilities =
    capability::kLongPassword | capability::kFoundRows | capability::kLongFlag |
    capability::kConnectWithDatabase | capability::kOdbc | capability::kIgnoreSpace |
    capability::kProtocol41 | capability::kInteractive | capability::kTransactions |
    capability::kSecureConnection | capability::kMultiStatements | capability::kMultiResults |
    capability::kPreparedMultiResults | capability::kPluginAuth | capability::kConnectAttributes |
    capability::kPluginAuthLengthEncoded | capability::kSessionTrack | capability::kDeprecateEof;

// The same of the capabilities of MariaDB, if the primary has them. The reports of progress look
// like errors, and a cache of metadata would not outlive a connection to a backend.
constexpr std::uint32_t kMariadbCapabilities = mariadb_capability::kExtendedMetadata;

// With these capabilities a client sends packets of another form. A client that takes one without
// having been offered it would wait for the proxy, and the proxy for the client. Some clients ask
// for query attributes unasked, too, but send none.
constexpr std::uint32_t kOtherForm = capability::kCompress | capability::kZstdCompress;

constexpr char kFallbackVersion[] = "5.5.5-10.11.0-MariaDB-failover-proxy";
// For how long the first client waits until the proxy has seen how the primary greets.
constexpr absl::Duration kMaxWait = absl::Seconds(2);

// MysqlErrors are made by functions: g++ 12 destroys a temporary in braces twice if it is part of a
// co_await expression.

MysqlError Malformed() { return {1835, "HY000", "Malformed communication packet"}; }

MysqlError OutOfOrder() { return {1156, "08S01", "Got packets out of order"}; }

MysqlError NotOffered() {
  return {1043, "08S01", "Bad handshake: the client compresses, which the proxy does not offer"};
}

std::string HostOf(const proxy::Socket& socket) {
  std::error_code error;
  const auto peer = socket.remote_endpoint(error);
  return error ? std::string() : peer.address().to_string();
}

MysqlError PacketTooLarge() {
  return {1153, "08S01", "Got a packet bigger than the proxy's --max-packet-size"};
}

}  // namespace

MysqlSession::MysqlSession(const MysqlContext& context, proxy::Socket socket,
                           std::uint32_t connection_id, proxy::Admission admission)
    : context_(context),
      executor_(socket.get_executor()),
      connection_id_(connection_id),
      client_host_(HostOf(socket)),
      client_(std::move(socket)),
      admission_(std::move(admission)),
      driver_(context, executor_) {
  admission_.OnEviction([this] { client_.Close(); });
}

MysqlSession::~MysqlSession() {
  context_.sessions.Leave(connection_id_);
  client_.Close();
}

Task<> MysqlSession::Run() {
  bool goes_on = co_await LogIn();
  while (goes_on) goes_on = co_await ServeOneCommand();
}

void MysqlSession::Drain() {
  draining_ = true;
  if (idle_ && MustEnd()) client_.Close();
}

bool MysqlSession::MustEnd() const {
  return proxy::EndsInDrain(draining_, upstream_->state().transaction_open());
}

void MysqlSession::GiveUpIfSilent() {
  if (!upstream_.has_value()) return;
  upstream_->GiveUpIfSilent();
  // The backend must not go on for nobody, with its locks. The backend itself sees the end of its
  // connection as it sees that of a client.
  if (upstream_->is_waiting() && client_.socket().HasLeft()) upstream_->Abandon();
}

void MysqlSession::End() {
  ended_ = true;
  if (upstream_.has_value()) upstream_->Abandon();
  client_.Close();
}

// --- Login ---------------------------------------------------------------------------------------

Task<bool> MysqlSession::LogIn() {
  const std::optional<std::string> scramble = NewScramble();
  if (!scramble.has_value()) co_return false;
  scramble_ = *scramble;
  std::optional<Login> login;
  {
    const proxy::Deadline deadline(executor_, context_.options.login_timeout,
                                   [this] { client_.Close(); });
    co_await SeePrimaryGreeting();
    const bool greeted = co_await Greet();
    if (!greeted) co_return false;
    login = co_await ReadLogin();
  }
  if (!login.has_value()) co_return false;
  const std::uint8_t sequence = client_.answer_sequence();
  const std::optional<MysqlError> refused =
      Admit(context_, *login, scramble_, client_.encrypted(), admission_, client_host_);
  if (refused.has_value()) {
    co_await WriteError(*refused, sequence);
    co_return false;
  }
  client_.AllowPackets(context_.mysql.max_packet_size);
  co_return co_await Begin(*login);
}

Task<bool> MysqlSession::Begin(const Login& login) {
  // Other threads reach the session only on its event loop, and only as long as the session lives.
  context_.sessions.Enter(connection_id_, login.user,
                          {[executor = executor_, weak = std::weak_ptr(alive_)] {
                             asio::post(executor, [weak] {
                               if (const auto session = weak.lock()) (*session)->End();
                             });
                           },
                           driver_.interrupter()});
  user_ = login.user;
  upstream_.emplace(context_, executor_, login, connection_id_);
  // End knows only of an upstream that is there.
  if (ended_) co_return false;
  // A session that begins again has closed the connection of its transaction.
  driver_.TransactionEnded();
  co_return co_await ConnectFirst(client_.answer_sequence());
}

BackendLogin MysqlSession::LoginWith(const BackendAccount& account, std::size_t backend) const {
  BackendLogin login;
  login.user = account.user;
  login.password = account.password;
  if (context_.tls != nullptr) {
    login.tls = context_.tls->ForBackend(context_.router.backends()[backend]);
  }
  return login;
}

// The first client after the start would be greeted in another way than the later ones.
Task<> MysqlSession::SeePrimaryGreeting() {
  const std::optional<std::size_t> primary = context_.router.primary();
  if (!primary.has_value() || !context_.primary_greeting.MayAsk(context_.clock.Now())) co_return;
  BackendConnection connection(executor_, *primary, 0);
  const proxy::Deadline deadline(executor_, std::min(context_.options.connect_timeout, kMaxWait),
                                 [&connection] { connection.Close(); });
  BackendAccount account{context_.options.backend_user, context_.options.backend_password};
  if (account.user.empty()) {
    account = {context_.options.monitor.user, context_.options.monitor.password};
  }
  const BackendLogin login = LoginWith(account, *primary);
  const absl::Status status =
      co_await connection.Connect(context_.router.backends()[*primary], login);
  if (!status.ok()) co_return;
  context_.primary_greeting.Learn(connection.greeting());
  connection.Quit();
}

Task<bool> MysqlSession::Greet() {
  const std::optional<Greeting> primary = context_.primary_greeting.last();
  Greeting greeting;
  greeting.server_version = context_.mysql.server_version;
  if (greeting.server_version.empty()) {
    greeting.server_version = primary.has_value() ? primary->server_version : kFallbackVersion;
  }
  greeting.connection_id = connection_id_;
  greeting.scramble = scramble_;
  greeting.capabilities = kCapabilities;
  if (primary.has_value() && primary->mariadb_capabilities != 0) {
    greeting.capabilities &= ~capability::kLongPassword;
    greeting.mariadb_capabilities = primary->mariadb_capabilities & kMariadbCapabilities;
    offered_mariadb_ = greeting.mariadb_capabilities;
  }
  if (context_.tls != nullptr && context_.tls->clients() != nullptr) {
    greeting.capabilities |= capability::kTls;
  }
  greeting.status = server_status::kAutocommit;
  greeting.collation = primary.has_value() ? primary->collation : kDefaultCollation;
  greeting.auth_plugin = kNativePassword;
  const std::string payload = BuildGreeting(greeting);
  co_return co_await WritePacket(payload, 0);
}

// Reads the client's login. A client may prefer another method than kNativePassword. The proxy then
// asks the client to answer scramble_ by kNativePassword.
Task<std::optional<Login>> MysqlSession::ReadLogin() {
  const ReadEnd end = co_await client_.ReadLogin(context_.tls);
  if (end != ReadEnd::kPacket) co_return std::nullopt;
  std::optional<Login> login = ParseLogin(client_.packet());
  if (!login.has_value()) {
    co_await WriteError(Malformed(), client_.answer_sequence());
    co_return std::nullopt;
  }
  if ((login->capabilities & kOtherForm) != 0) {
    co_await WriteError(NotOffered(), client_.answer_sequence());
    co_return std::nullopt;
  }
  login->capabilities &= kCapabilities;
  login->mariadb_capabilities &= offered_mariadb_;
  if (login->auth_plugin.empty() || login->auth_plugin == kNativePassword) co_return login;
  const bool answered = co_await AskForAnswer(*login);
  if (!answered) co_return std::nullopt;
  co_return login;
}

Task<bool> MysqlSession::AskForAnswer(Login& login) {
  const std::string request = BuildAuthSwitch({std::string(kNativePassword), scramble_});
  const bool written = co_await WritePacket(request, client_.answer_sequence());
  if (!written) co_return false;
  const ReadEnd end =
      co_await client_.Read(static_cast<std::uint8_t>(client_.answer_sequence() + 1));
  if (end != ReadEnd::kPacket) co_return false;
  login.auth_answer = client_.packet();
  co_return true;
}

// A client begins again, with a session like a new one and maybe as another user, who has other
// limits and another account on the backends.
Task<bool> MysqlSession::RunChangeUser() {
  const std::uint32_t capabilities = upstream_->client_capabilities();
  std::optional<Login> login = ParseChangeUser(client_.packet(), capabilities);
  if (!login.has_value()) {
    co_await WriteError(Malformed(), client_.answer_sequence());
    co_return false;
  }
  login->mariadb_capabilities = upstream_->mariadb_capabilities();
  // Clients answer the scramble of the greeting, whatever a server sends them now.
  if (!login->auth_plugin.empty() && login->auth_plugin != kNativePassword) {
    const proxy::Deadline deadline(executor_, context_.options.login_timeout,
                                   [this] { client_.Close(); });
    const bool answered = co_await AskForAnswer(*login);
    if (!answered) co_return false;
  }
  const std::optional<MysqlError> refused =
      AdmitAgain(context_, *login, scramble_, admission_, client_host_);
  if (refused.has_value()) {
    co_await WriteError(*refused, client_.answer_sequence());
    co_return false;
  }
  co_return co_await Begin(*login);
}

// Connects to a backend before the client gets an answer to its login, so that the client learns at
// once whether its schema exists. The Buffer holds a login like any statement.
Task<bool> MysqlSession::ConnectFirst(std::uint8_t answer_sequence) {
  proxy::LoginAttempt attempt(*upstream_, IsConnectionWasGone);
  const proxy::RetryResult result = co_await driver_.Run(attempt, client_.socket());
  if (absl::IsCancelled(result.error)) co_return false;
  if (result.error.ok()) co_return co_await WriteOk(answer_sequence);
  const MysqlError error = ForClient(result.error, result.before);
  co_await WriteError(error, answer_sequence);
  co_return false;
}

// --- Commands ------------------------------------------------------------------------------------

Task<bool> MysqlSession::ServeOneCommand() {
  if (MustEnd()) co_return false;
  idle_ = true;
  const ReadEnd end = co_await client_.Read(0);
  idle_ = false;
  // If the drain began while a command was on its way here, the client gets no answer to the
  // command.
  if (MustEnd()) co_return false;
  switch (end) {
    case ReadEnd::kPacket:
      break;
    case ReadEnd::kClosed:
      co_return false;
    case ReadEnd::kTooLarge:
      co_await WriteError(PacketTooLarge(), client_.answer_sequence());
      co_return false;
    case ReadEnd::kOutOfOrder:
      co_await WriteError(OutOfOrder(), client_.answer_sequence());
      co_return false;
  }
  if (client_.packet().empty()) {
    co_await WriteError(Malformed(), client_.answer_sequence());
    co_return false;
  }
  co_return co_await Dispatch();
}

// --- Packets -------------------------------------------------------------------------------------

Task<bool> MysqlSession::WriteOk(std::uint8_t sequence) {
  OkPacket ok;
  ok.status =
      static_cast<std::uint16_t>(upstream_->state().status() & ~server_status::kOfOneResult);
  const std::string payload = BuildOk(ok);
  co_return co_await WritePacket(payload, sequence);
}

Task<bool> MysqlSession::WriteError(const MysqlError& error, std::uint8_t sequence) {
  const std::string payload = BuildError(error);
  co_return co_await WritePacket(payload, sequence);
}

Task<bool> MysqlSession::WritePacket(std::string_view payload, std::uint8_t sequence) {
  std::string wire;
  PutPacket(payload, sequence, wire);
  co_return co_await client_.Write(wire);
}

}  // namespace mysql_proxy

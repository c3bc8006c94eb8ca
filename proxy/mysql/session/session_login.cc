// The beginning of a session: its greeting, its login, and the login of COM_CHANGE_USER.
#include <algorithm>
#include <asio/post.hpp>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "proxy/core/deadline.h"
#include "proxy/core/login_attempt.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/native_password.h"
#include "proxy/mysql/protocol/proof_check.h"
#include "proxy/mysql/session/admit.h"
#include "proxy/mysql/session/backend_connection.h"
#include "proxy/mysql/session/mysql_session.h"
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

MysqlError NotOffered() {
  return {1043, "08S01", "Bad handshake: the client compresses, which the proxy does not offer"};
}

}  // namespace

Task<bool> MysqlSession::LogIn() {
  const std::optional<std::string> scramble = NewScramble();
  if (!scramble.has_value()) co_return false;
  scramble_ = *scramble;
  std::optional<Login> login;
  std::optional<std::uint8_t> sequence;
  {
    const proxy::Deadline deadline(executor_, context_.options.login_timeout,
                                   [this] { client_.Close(); });
    co_await SeePrimaryGreeting();
    const bool greeted = co_await Greet();
    if (!greeted) co_return false;
    login = co_await ReadLogin();
    if (!login.has_value()) co_return false;
    const std::optional<MysqlError> refused = RefuseWithoutTls(
        context_, {login->user, client_host_, !login->auth_answer.empty()}, client_.encrypted());
    if (refused.has_value()) {
      co_await WriteError(*refused, client_.answer_sequence());
      co_return false;
    }
    sequence = co_await Prove(*login);
  }
  if (!sequence.has_value()) co_return false;
  const std::optional<MysqlError> refused = Admit(login->user, admission_);
  if (refused.has_value()) {
    co_await WriteError(*refused, *sequence);
    co_return false;
  }
  client_.AllowPackets(context_.mysql.max_packet_size);
  co_return co_await Begin(*login, *sequence);
}

Task<bool> MysqlSession::Begin(const Login& login, std::uint8_t answer_sequence) {
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
  co_return co_await ConnectFirst(answer_sequence);
}

BackendLogin MysqlSession::LoginWith(const BackendAccount& account, std::size_t backend) const {
  BackendLogin login;
  login.user = account.user;
  login.password = account.password;
  login.server_key = ServerKeyOf(context_.mysql);
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
  // The nonce of client_ed25519 has no room in a greeting.
  greeting.auth_plugin = context_.mysql.client_auth_plugin == AuthPlugin::kCachingSha2
                             ? kCachingSha2Password
                             : kNativePassword;
  const std::string payload = BuildGreeting(greeting);
  co_return co_await WritePacket(payload, 0);
}

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
  co_return login;
}

// A client that has answered by another method than that of its user is asked for another answer.
Task<std::optional<std::uint8_t>> MysqlSession::Prove(const Login& login) {
  const std::optional<std::string> nonce = NewScramble(kEd25519NonceLength);
  if (!nonce.has_value()) co_return std::nullopt;
  const std::shared_ptr<const Users> users = context_.users.Get();
  const Candidate candidate = users->Find(login.user);
  const std::optional<RsaKey>& key = context_.mysql.client_rsa_key;
  ProofCheck check({candidate.secret, candidate.exists, candidate.remembered, scramble_, *nonce,
                    client_.encrypted(), key.has_value() ? &*key : nullptr});
  ProofCheck::Step step = check.Begin(login.auth_plugin, login.auth_answer,
                                      (login.capabilities & capability::kPluginAuth) != 0);
  std::uint8_t sequence = client_.answer_sequence();
  while (true) {
    if (!step.send.empty()) {
      const bool written = co_await WritePacket(step.send, sequence++);
      if (!written) co_return std::nullopt;
    }
    if (step.next != ProofCheck::Next::kRead) break;
    const ReadEnd end = co_await client_.Read(sequence);
    if (end != ReadEnd::kPacket) co_return std::nullopt;
    sequence = client_.answer_sequence();
    step = check.Feed(client_.packet());
  }
  if (step.next == ProofCheck::Next::kProved) {
    if (check.learned().has_value()) users->Remember(login.user, *check.learned());
    co_return sequence;
  }
  const MysqlError error =
      AccessDenied({login.user, client_host_, check.used_password()}, step.hint);
  co_await WriteError(error, sequence);
  co_return std::nullopt;
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
  std::optional<std::uint8_t> sequence;
  {
    // Clients answer the scramble of the greeting, whatever a server sends them now.
    const proxy::Deadline deadline(executor_, context_.options.login_timeout,
                                   [this] { client_.Close(); });
    sequence = co_await Prove(*login);
  }
  if (!sequence.has_value()) co_return false;
  const std::optional<MysqlError> refused = AdmitAgain(login->user, admission_);
  if (refused.has_value()) {
    co_await WriteError(*refused, *sequence);
    co_return false;
  }
  co_return co_await Begin(*login, *sequence);
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

}  // namespace mysql_proxy

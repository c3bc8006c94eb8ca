// The beginning of a session: the start-up packet, the login, and the first connection.
#include <utility>

#include "absl/strings/str_cat.h"
#include "proxy/core/deadline.h"
#include "proxy/core/login_attempt.h"
#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/session/backend_connection.h"
#include "proxy/postgres/session/client_login.h"
#include "proxy/postgres/session/postgres_session.h"
#include "proxy/postgres/session/proxy_errors.h"

namespace postgres_proxy {
namespace {

using proxy::Task;

// A client asks for TLS and for GSSAPI once each at most.
constexpr int kMostRequests = 3;

bool IsOff(std::string_view value) {
  return value.empty() || value == "false" || value == "off" || value == "no" || value == "0";
}

}  // namespace

Task<bool> PostgresSession::LogIn() {
  {
    const proxy::Deadline deadline(executor_, context_.options.login_timeout,
                                   [this] { client_.Close(); });
    bool goes_on = co_await ReadStartup();
    if (goes_on) goes_on = co_await CheckStartup();
    if (goes_on) goes_on = co_await Authenticate();
    if (goes_on) goes_on = co_await Admit();
    if (!goes_on) co_return false;
  }
  client_.AllowMessages(context_.postgres.max_message_size);
  upstream_.emplace(context_, executor_, startup_.parameters, *credentials_, client_, input_wait_);
  // End knows only of an upstream that is there.
  if (ended_) co_return false;
  co_return co_await ConnectFirst();
}

Task<bool> PostgresSession::ReadStartup() {
  for (int request = 0; request < kMostRequests; ++request) {
    const std::string packet = co_await client_.ReadStartup();
    startup_ = ParseStartup(packet);
    switch (startup_.kind) {
      case Startup::Kind::kSession:
        co_return true;
      case Startup::Kind::kTls: {
        const bool goes_on = co_await StartTls();
        if (!goes_on) co_return false;
        break;
      }
      case Startup::Kind::kGssapi: {
        const bool written = co_await client_.Write("N");
        if (!written) co_return false;
        break;
      }
      case Startup::Kind::kCancel:
        co_await Cancel(startup_.cancel);
        co_return false;
      case Startup::Kind::kOldProtocol: {
        const std::string error = OldProtocolError("the proxy supports only protocol 3\n");
        co_await client_.Write(error);
        co_return false;
      }
      case Startup::Kind::kMalformed:
        if (!packet.empty()) {
          co_await WriteFatal("08P01", "invalid startup packet");
        }
        co_return false;
    }
  }
  co_return false;
}

Task<bool> PostgresSession::StartTls() {
  const proxy::TlsContext tls = context_.tls == nullptr ? nullptr : context_.tls->clients();
  const bool offered = tls != nullptr && !client_.socket().encrypted();
  const bool written = co_await client_.Write(offered ? "S" : "N");
  if (!written || !offered) co_return written;
  const absl::Status status = co_await client_.socket().AcceptTls(tls);
  if (!status.ok()) context_.tls->LogRefusedClient(std::string(status.message()));
  co_return status.ok();
}

// A server cancels for everybody who has the key, and never answers. So does the proxy.
Task<> PostgresSession::Cancel(const CancelKey& key) {
  // No backend executes a request that is held. The backend would cancel the next request.
  if (context_.cancels.Interrupt(key)) co_return;
  const std::optional<CancelTarget> target = context_.cancels.Find(key);
  if (!target.has_value()) co_return;
  BackendConnection connection(executor_, target->backend, 0);
  const proxy::Deadline deadline(executor_, context_.options.connect_timeout,
                                 [&connection] { connection.Close(); });
  const proxy::Address& address = context_.router.backends()[target->backend];
  proxy::BackendTls tls;
  if (context_.tls != nullptr) tls = context_.tls->ForBackend(address);
  co_await connection.Cancel(address, tls, target->key);
}

Task<bool> PostgresSession::CheckStartup() {
  if (context_.tls != nullptr && context_.tls->clients_must_encrypt() &&
      !client_.socket().encrypted()) {
    context_.tls->LogRefusedClient("the client does not use TLS");
    co_await WriteFatal("28000", "the proxy requires TLS");
    co_return false;
  }
  if (!startup_.repeated.empty()) {
    const std::string text =
        absl::StrCat("startup packet has the parameter \"", startup_.repeated, "\" twice");
    co_await WriteFatal("08P01", text);
    co_return false;
  }
  const std::string_view user = startup_.Find("user");
  if (user.empty()) {
    co_await WriteFatal("28000", "no PostgreSQL user name specified in startup packet");
    co_return false;
  }
  if (!IsOff(startup_.Find("replication"))) {
    co_await WriteFatal("0A000", "the proxy does not support replication connections");
    co_return false;
  }
  credentials_.emplace(std::string(user));
  if (startup_.minor_version == 0 && startup_.protocol_options.empty()) co_return true;
  std::string message;
  PutNegotiateVersion(startup_.protocol_options, message);
  co_return co_await client_.Write(message);
}

Task<bool> PostgresSession::Authenticate() {
  const LoginEnd end = co_await AuthenticateClient(context_, client_, *credentials_);
  if (end == LoginEnd::kProved) co_return true;
  if (end == LoginEnd::kRefused) {
    const std::string text =
        absl::StrCat("password authentication failed for user \"", credentials_->user(), "\"");
    co_await WriteFatal("28P01", text);
  }
  co_return false;
}

Task<bool> PostgresSession::Admit() {
  switch (admission_.LogIn(credentials_->user())) {
    case proxy::LoginAnswer::kWelcome:
      co_return true;
    case proxy::LoginAnswer::kTooManyOfUser: {
      const std::string text =
          absl::StrCat("too many connections for role \"", credentials_->user(), "\"");
      co_await WriteFatal("53300", text);
      co_return false;
    }
    case proxy::LoginAnswer::kTooMany:
    case proxy::LoginAnswer::kEvicted:
      break;
  }
  co_await WriteFatal("53300", "sorry, too many clients already");
  co_return false;
}

// Connects to a backend before the client gets an answer to its login, so that the client learns at
// once whether its database exists. The Buffer holds a login like any statement.
Task<bool> PostgresSession::ConnectFirst() {
  proxy::LoginAttempt attempt(*upstream_, IsConnectionWasGone);
  const proxy::RetryResult result = co_await driver_.Run(attempt, client_.socket());
  if (absl::IsCancelled(result.error)) co_return false;
  if (!result.error.ok()) {
    const ProxyError error = ForClient(result.error, result.before);
    co_await WriteFatal(error.sqlstate, error.text);
    co_return false;
  }
  // Tools know their session by the number of its first process.
  const std::optional<CancelKey> key =
      context_.cancels.Enter(upstream_->connection()->key().pid, driver_.interrupter());
  if (!key.has_value()) co_return false;
  upstream_->SetClientKey(*key);
  std::string message;
  PutAuthenticationOk(message);
  for (const auto& [name, value] : upstream_->state().reported()) {
    std::string body;
    PutText(name, body);
    PutText(value, body);
    PutMessage(backend::kParameterStatus, body, message);
  }
  std::string body;
  PutU32(key->pid, body);
  PutU32(key->secret, body);
  PutMessage(backend::kBackendKeyData, body, message);
  PutReady('I', message);
  co_return co_await client_.Write(message);
}

}  // namespace postgres_proxy

// Sessions of the proxy between clients that have a script and two backends that have another one.
// Everything runs on one event loop that the test runs.
#ifndef FAILOVER_TESTS_UNIT_PROXY_MYSQL_SESSION_PAIR_H_
#define FAILOVER_TESTS_UNIT_PROXY_MYSQL_SESSION_PAIR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "failover/buffer.h"
#include "login_pair.h"
#include "packets.h"
#include "proxy/core/admissions.h"
#include "proxy/core/router.h"
#include "proxy/mysql/session/mysql_context.h"
#include "proxy/mysql/session/mysql_session.h"

namespace mysql_proxy {

class SessionPairTest : public LoginPairTest {
 protected:
  using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, proxy::Executor>;
  static constexpr std::size_t kBackends = 2;

  // One client, and what the proxy has told it so far.
  struct Client {
    explicit Client(proxy::Socket socket) : end(std::move(socket)) {}
    ScriptEnd end;
    Greeting greeting;
    std::uint8_t sequence = 0;  // of the next packet of a login, if the test counts
  };

  SessionPairTest() {
    options_.silence_limit = options_.connect_timeout = options_.login_timeout = absl::Hours(1);
    mysql_.max_packet_size = 1 << 20;
    for (std::size_t i = 0; i < kBackends; ++i) {
      acceptors_[i].emplace(io_.get_executor(),
                            asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
      options_.backends.push_back({"127.0.0.1", acceptors_[i]->local_endpoint().port()});
      Spawn(Accept(i));
    }
    failover::BufferOptions buffer_options;
    buffer_options.window = absl::Hours(1);
    buffer_options.max_failover_duration = absl::Hours(1);
    buffer_options.min_time_between_failovers = absl::Hours(2);
    buffer_options.shutdown_grace = absl::ZeroDuration();
    buffer_ = *failover::Buffer::Create(std::move(buffer_options));
    router_.emplace(options_.backends, *buffer_);
    primary_greeting_.Learn(ServerGreeting(false));
    Report(0, 1);
  }

  void SetUsers(const std::string& text, AuthPlugin plugin = AuthPlugin::kNative) {
    mysql_.client_auth_plugin = plugin;
    users_.emplace(Users::Parse(text, {{"app", "secret"}, plugin}).value());
  }

  // What SIGHUP does with the text of a users file.
  absl::Status ReloadUsers(const std::string& text) {
    return users_->Reload([&](const Users* before) {
      return Users::Parse(text, {{"app", "secret"}, mysql_.client_auth_plugin}, before);
    });
  }

  // A health check's report that this backend is the primary, by a promotion of this number.
  void Report(std::size_t backend, std::int64_t term) {
    failover::TabletStats stats;
    stats.alias = proxy::Router::AliasOf(backend);
    stats.target = {"main", "0", failover::TabletType::kPrimary};
    stats.up = true;
    stats.serving = true;
    stats.tablet_externally_reparented_timestamp = term;
    router_->StatsUpdate(stats);
  }

  // A client that has connected. Its session runs until the client leaves.
  std::unique_ptr<Client> Connect(const proxy::Tls* tls = nullptr) {
    if (!context_.has_value()) {
      context_.emplace(
          MysqlContext{{options_, *router_, *buffer_, buffer_->GetShard("main", "0"),
                        absl::Hours(1), failover::Clock::Steady(), const_cast<proxy::Tls*>(tls)},
                       mysql_,
                       *users_,
                       sessions_,
                       primary_greeting_});
    }
    asio::ip::tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
    proxy::Socket near(io_.get_executor());
    proxy::Socket far(io_.get_executor());
    near.connect(acceptor.local_endpoint());
    acceptor.accept(far);
    Spawn(RunSession(std::make_unique<MysqlSession>(*context_, std::move(far),
                                                    kFirstConnectionId + ++connections_,
                                                    admissions_.Enter(io_.get_executor()))));
    return std::make_unique<Client>(std::move(near));
  }

  // Runs the script of the clients, and then everything to its end.
  void RunScript(proxy::Task<> script) {
    Spawn(ThenClose(std::move(script)));
    Run();
  }

  // Reads the greeting, sends a login by mysql_native_password, and returns the answer.
  proxy::Task<std::string> LogIn(Client& client, std::string user, std::string password) {
    const std::string payload = co_await client.end.Read(0);
    const std::optional<Greeting> greeting = ParseGreeting(payload);
    if (!greeting.has_value()) co_return std::string();
    client.greeting = *greeting;
    Login login = LoginOf(std::move(user));
    login.auth_answer = ScrambledPassword(password, greeting->scramble);
    const std::string wire = Framed(1, BuildLogin(login));
    co_await client.end.Write(wire);
    co_return co_await client.end.Read(2);
  }
  static Login LoginOf(std::string user) {
    Login login;
    login.capabilities = capability::kProtocol41 | capability::kSecureConnection |
                         capability::kPluginAuth | capability::kDeprecateEof;
    login.user = std::move(user);
    login.auth_plugin = kNativePassword;
    return login;
  }

  // Sends a command and returns the answer.
  proxy::Task<std::string> Ask(Client& client, std::string command) {
    const std::string wire = Framed(0, command);
    co_await client.end.Write(wire);
    co_return co_await client.end.Read(1);
  }
  static std::string Query(const std::string& sql) { return Bytes({3}) + sql; }

  static bool IsOk(const std::string& packet) { return !packet.empty() && packet[0] == '\0'; }
  // The number of the error in a packet; 0: the packet is no error.
  static int ErrorIn(const std::string& packet) {
    const auto error = packet.empty() || packet[0] != '\xff' ? std::nullopt : ParseError(packet);
    return error.has_value() ? static_cast<int>(error->number) : 0;
  }

  // What the backends have seen: "0 in app", "0 SELECT 1".
  std::vector<std::string> seen_;
  // The accounts of the backends and their passwords. Everybody else gets the error 1045.
  std::unordered_map<std::string, std::string> accounts_ = {{"app", "secret"}};

  proxy::Options options_;
  MysqlOptions mysql_;
  std::optional<proxy::Reloadable<Users>> users_;
  SessionRegistry sessions_;
  PrimaryGreeting primary_greeting_;
  proxy::Admissions admissions_{{100, 100, 0}};

 private:
  proxy::Task<> RunSession(std::unique_ptr<MysqlSession> session) {
    co_await session->Run();
    session.reset();
  }

  proxy::Task<> ThenClose(proxy::Task<> script) {
    co_await std::move(script);
    for (auto& acceptor : acceptors_) acceptor->close();
  }

  proxy::Task<> Accept(std::size_t backend) {
    while (true) {
      proxy::Socket socket(io_.get_executor());
      std::error_code error;
      co_await acceptors_[backend]->async_accept(socket, proxy::ErrorTo(error));
      if (error) co_return;
      Spawn(Serve(backend, std::move(socket)));
    }
  }

  void See(std::size_t backend, const std::string& what) {
    seen_.push_back(std::to_string(backend) + " " + what);
  }

  proxy::Task<> Serve(std::size_t backend, proxy::Socket socket) {
    ScriptEnd end(std::move(socket));
    Greeting greeting = ServerGreeting(false);
    greeting.connection_id = ++threads_;
    const std::string greeted = Framed(0, BuildGreeting(greeting));
    co_await end.Write(greeted);
    const std::string payload = co_await end.Read(1);
    const std::optional<Login> login = ParseLogin(payload);
    if (!login.has_value()) co_return;
    const auto account = accounts_.find(login->user);
    if (account == accounts_.end() ||
        !CheckPassword(StorePassword(account->second), greeting.scramble, login->auth_answer)) {
      See(backend, "refused " + login->user);
      const std::string refusal = Framed(2, BuildError({1045, "28000", "Access denied"}));
      co_await end.Write(refusal);
      co_return;
    }
    See(backend, "in " + login->user);
    const std::string welcome = Framed(2, ServerOk(0, server_status::kAutocommit));
    co_await end.Write(welcome);
    const std::string ok = Framed(1, ServerOk(0, server_status::kAutocommit));
    while (true) {
      const std::string command = co_await end.Read(0);
      if (command.empty() || command[0] == static_cast<char>(Command::kQuit)) co_return;
      // The proxy itself sets what it tracks.
      if (command.compare(1, 4, "SET ") != 0) See(backend, command.substr(1));
      co_await end.Write(ok);
    }
  }

  std::array<std::optional<Acceptor>, kBackends> acceptors_;
  std::unique_ptr<failover::Buffer> buffer_;
  std::optional<proxy::Router> router_;
  std::optional<MysqlContext> context_;
  std::uint32_t connections_ = 0;
  std::uint32_t threads_ = 0;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_TESTS_UNIT_PROXY_MYSQL_SESSION_PAIR_H_

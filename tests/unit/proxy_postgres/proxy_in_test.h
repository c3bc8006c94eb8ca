// A PostgreSQL proxy inside the test's process, and its clients.
#ifndef FAILOVER_TESTS_UNIT_PROXY_POSTGRES_PROXY_IN_TEST_H_
#define FAILOVER_TESTS_UNIT_PROXY_POSTGRES_PROXY_IN_TEST_H_

#include <asio/executor_work_guard.hpp>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "failover/buffer.h"
#include "proxy/core/listener.h"
#include "proxy/core/router.h"
#include "proxy/postgres/session/cancel_registry.h"
#include "proxy/postgres/session/postgres_context.h"
#include "proxy/postgres/session/postgres_protocol.h"
#include "proxy/postgres/session/users.h"
#include "scripted_backend.h"

namespace postgres_proxy::test {

// A client with a blocking connection. Reading ends the test's wait after two minutes.
class TestClient {
 public:
  // Connects, and sends nothing.
  explicit TestClient(std::uint16_t port);
  // Connects and logs in as "app".
  static TestClient LogIn(std::uint16_t port);
  ~TestClient() { Leave(); }

  TestClient(TestClient&& other) noexcept;
  TestClient& operator=(TestClient&&) = delete;

  void Send(std::string_view bytes) const;
  void SendQuery(std::string_view sql) const;
  // The messages up to the next ReadyForQuery or the end of the connection, as text: each is its
  // type and what matters of its body, such as "C INSERT 0 1" or "E 40001", and a blank follows.
  // "end" stands for the end of the connection.
  std::string Receive();
  // The same up to the next message of this type.
  std::string ReceiveTo(char type);
  // SendQuery and Receive.
  std::string Ask(std::string_view sql);
  // The key of BackendKeyData.
  const std::string& key() const { return key_; }
  // The text of the last error.
  const std::string& error() const { return error_; }
  void Leave();

 private:
  std::string ReceiveMessage(char* type);

  int socket_ = -1;
  std::string key_;
  std::string error_;
};

struct ProxySettings {
  std::string users = "app\n";
  ClientAuthentication client_authentication = ClientAuthentication::kTrust;
  bool repeat_sent = true;
  std::size_t max_message_size = 1 << 20;
  absl::Duration window = absl::Minutes(1);
  absl::Duration look_interval = absl::InfiniteDuration();
};

// Listens on loopback, in front of backends that the test has made.
class ProxyInTest {
 public:
  explicit ProxyInTest(const std::vector<ScriptedBackend*>& backends,
                       const ProxySettings& settings = {});
  // Stops in the order of proxy::Serve.
  ~ProxyInTest();

  ProxyInTest(const ProxyInTest&) = delete;
  ProxyInTest& operator=(const ProxyInTest&) = delete;

  std::uint16_t port() const { return port_; }
  // A health check's report that this backend is the primary, by a promotion of this number.
  void ReportPrimary(std::size_t backend, std::int64_t term) { Report(backend, term, true); }
  // A health check's report that this primary takes no writes.
  void ReportReadOnly(std::size_t backend, std::int64_t term) { Report(backend, term, false); }
  // What SIGHUP does with the text of a users file.
  absl::Status ReloadUsers(const std::string& text) {
    return users_->Reload([&](const Users* before) { return Users::Parse(text, before); });
  }
  // Blocks until so many requests are held.
  void AwaitHeld(int count) const;
  std::future<void> Drain(absl::Duration timeout);

 private:
  void Report(std::size_t backend, std::int64_t term, bool serving);

  proxy::Options options_;
  PostgresOptions postgres_options_;
  std::optional<proxy::Reloadable<Users>> users_;
  CancelRegistry cancels_;
  std::unique_ptr<failover::Buffer> buffer_;
  std::unique_ptr<proxy::Router> router_;
  std::unique_ptr<PostgresContext> context_;
  std::unique_ptr<PostgresProtocol> protocol_;
  asio::io_context io_;
  asio::executor_work_guard<proxy::Executor> work_;
  std::unique_ptr<proxy::Listener> listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace postgres_proxy::test

#endif  // FAILOVER_TESTS_UNIT_PROXY_POSTGRES_PROXY_IN_TEST_H_

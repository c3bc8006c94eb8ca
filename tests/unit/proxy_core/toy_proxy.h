// A proxy for the toy protocol, inside the test's process, and its clients.
#ifndef FAILOVER_TESTS_UNIT_PROXY_CORE_TOY_PROXY_H_
#define FAILOVER_TESTS_UNIT_PROXY_CORE_TOY_PROXY_H_

#include <asio/executor_work_guard.hpp>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "failover/buffer.h"
#include "proxy/core/context.h"
#include "proxy/core/listener.h"
#include "toy_backend.h"
#include "toy_protocol.h"

namespace proxy::test {

// A client with a blocking connection. Reading ends the test's wait after a minute.
class ToyClient {
 public:
  explicit ToyClient(std::uint16_t port);
  ~ToyClient() { Leave(); }

  ToyClient(const ToyClient&) = delete;
  ToyClient& operator=(const ToyClient&) = delete;

  bool connected() const { return connected_; }
  void Send(const std::string& lines);
  // The next line; empty: the proxy has closed the connection.
  std::string Receive() { return lines_.Next(); }
  std::string Ask(const std::string& line);
  // Closes the connection.
  void Leave();

 private:
  int socket_;
  bool connected_ = false;
  LineReader lines_;
};

struct ToyProxyOptions {
  int max_connections = 100;
  int max_logins = 100;
  int max_user_connections = 0;
  absl::Duration silence_limit = absl::Hours(1);
};

// Listens on loopback, in front of backends that the test has made.
class ToyProxy {
 public:
  explicit ToyProxy(const std::vector<ToyBackend*>& backends,
                    const ToyProxyOptions& toy_options = {});
  // Stops in the order of proxy::Serve.
  ~ToyProxy();

  ToyProxy(const ToyProxy&) = delete;
  ToyProxy& operator=(const ToyProxy&) = delete;

  std::uint16_t port() const { return port_; }
  ToyProtocol& protocol() { return *protocol_; }
  int connections() const { return listener_->connections(); }
  int logins() const { return listener_->logins(); }

  // A health check's report that this backend is the primary, by a reparent of this number.
  void ReportPrimary(std::size_t backend, std::int64_t term);
  // A health check's report that this primary takes no writes.
  void ReportReadOnly(std::size_t backend, std::int64_t term);
  // A health check's report that this backend does not answer.
  void ReportSilent(std::size_t backend);

  failover::Buffer& buffer() { return *buffer_; }
  failover::ShardHandle shard() const { return context_->shard; }
  failover::ShardStats stats() const;

  void EndSessions() { listener_->EndSessions(); }
  // Begins a drain, and returns what is ready when the drain has ended.
  std::future<void> Drain(absl::Duration timeout);

 private:
  void Report(std::size_t backend, std::int64_t term, bool serving);

  Options options_;
  std::unique_ptr<failover::Buffer> buffer_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<Context> context_;
  std::unique_ptr<ToyProtocol> protocol_;
  asio::io_context io_;
  asio::executor_work_guard<Executor> work_;
  std::unique_ptr<Listener> listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace proxy::test

#endif  // FAILOVER_TESTS_UNIT_PROXY_CORE_TOY_PROXY_H_

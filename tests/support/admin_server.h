// An admin socket in front of a Buffer, inside the test's process, and a blocking client of it.
#ifndef FAILOVER_TESTS_SUPPORT_ADMIN_SERVER_H_
#define FAILOVER_TESTS_SUPPORT_ADMIN_SERVER_H_

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <cstdint>
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "child_process.h"
#include "failover/buffer.h"
#include "failover/health_check.h"
#include "proxy/core/admin_server.h"
#include "proxy/core/context.h"

namespace proxy::test {

// Reading ends the test's wait after a minute.
class AdminClient {
 public:
  explicit AdminClient(const std::string& path) : socket_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    const timeval patience = {60, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    connected_ = connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~AdminClient() { Leave(); }

  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;

  bool connected() const { return connected_; }
  void Send(std::string_view bytes) { send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // The next line; empty: the connection has ended.
  std::string Receive() {
    std::size_t end;
    while ((end = input_.find('\n')) == std::string::npos) {
      char bytes[1024];
      const ssize_t count = recv(socket_, bytes, sizeof bytes, 0);
      if (count <= 0) return {};
      input_.append(bytes, static_cast<std::size_t>(count));
    }
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    return line;
  }
  // The last line of the next answer.
  std::string Answer() {
    std::string line = Receive();
    while (line.rfind("INFO", 0) == 0 || line.rfind("PROGRESS", 0) == 0) line = Receive();
    return line;
  }
  std::string Ask(const std::string& command) {
    Send(command + "\n");
    return Answer();
  }
  void EndSending() { shutdown(socket_, SHUT_WR); }
  void Leave() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
  }

 private:
  int socket_;
  bool connected_ = false;
  std::string input_;
};

// A shard main/0 with two backends, of which the first is the primary. Neither of them exists.
class AdminServerTest : public testing::Test {
 protected:
  ~AdminServerTest() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
    // In the order of proxy::Serve.
    if (buffer_ != nullptr) buffer_->Shutdown();
  }

  void Start(absl::Duration window = absl::Minutes(1), const AdminLimits& limits = {}) {
    failover::BufferOptions options;
    options.window = window;
    options.max_failover_duration = absl::Minutes(2);
    options.min_time_between_failovers = absl::Minutes(4);
    options.shutdown_grace = absl::ZeroDuration();
    buffer_ = failover::Buffer::Create(std::move(options)).value();
    options_.keyspace = "main";
    options_.shard = "0";
    router_ = std::make_unique<Router>(std::vector<Address>{{"127.0.0.1", 1}, {"127.0.0.1", 2}},
                                       *buffer_);
    context_ = std::make_unique<Context>(Context{options_, *router_, *buffer_,
                                                 buffer_->GetShard("main", "0"), window,
                                                 failover::Clock::Steady(), nullptr, &uncounted_});
    Report(0, 1);
    server_ = std::make_unique<AdminServer>(io_, *context_, limits);
    const absl::Status status = server_->Listen(path());
    ASSERT_TRUE(status.ok()) << status;
    thread_ = std::thread([this] { io_.run(); });
  }

  std::string path() const { return folder_.path() + "/admin.sock"; }
  std::unique_ptr<AdminClient> Connect() {
    auto client = std::make_unique<AdminClient>(path());
    EXPECT_TRUE(client->connected());
    EXPECT_EQ(client->Receive(), "INFO failover-admin 1");
    return client;
  }

  // A health check's report that this backend is the primary, by a reparent of this number.
  void Report(std::size_t backend, std::int64_t term) {
    failover::TabletStats stats;
    stats.alias = Router::AliasOf(backend);
    stats.target = {"main", "0", failover::TabletType::kPrimary};
    stats.up = true;
    stats.serving = true;
    stats.tablet_externally_reparented_timestamp = term;
    router_->StatsUpdate(stats);
  }

  // A request that passes, and is in flight until its token ends.
  failover::RetryDoneFunc Pass(failover::Work work) {
    failover::RequestContext request;
    request.work = work;
    auto passed = buffer_->WaitForFailoverEnd(request, context_->shard, absl::OkStatus());
    EXPECT_TRUE(passed.ok() && !*passed);
    return *std::move(passed);
  }
  // Blocks on another thread as long as the shard holds requests.
  std::future<bool> Hold() {
    return std::async(std::launch::async, [this] {
      return buffer_->WaitForFailoverEnd({}, context_->shard, absl::OkStatus()).ok();
    });
  }
  bool AwaitState(failover::State state) {
    return failover::test::Await(
        [this, state] { return buffer_->GetShardStats("main", "0")->state == state; });
  }
  // Runs `action` on the thread of the server.
  void OnServer(std::function<void()> action) {
    std::promise<void> done;
    asio::post(io_, [&] {
      action();
      done.set_value();
    });
    done.get_future().wait();
  }

  const failover::test::TemporaryFolder folder_;
  Options options_;
  UncountedWork uncounted_;
  std::unique_ptr<failover::Buffer> buffer_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<Context> context_;
  asio::io_context io_{1};
  asio::executor_work_guard<Executor> work_ = asio::make_work_guard(io_);
  std::unique_ptr<AdminServer> server_;
  std::thread thread_;
};

}  // namespace proxy::test

#endif  // FAILOVER_TESTS_SUPPORT_ADMIN_SERVER_H_

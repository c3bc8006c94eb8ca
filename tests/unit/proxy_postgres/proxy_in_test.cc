#include "proxy_in_test.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "failover/health_check.h"
#include "proxy/postgres/protocol/error_message.h"
#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/protocol/startup.h"
#include "support/child_process.h"
#include "support/patience.h"

namespace postgres_proxy::test {
namespace {

constexpr char kKeyspace[] = "main";
constexpr char kShard[] = "0";

}  // namespace

TestClient::TestClient(std::uint16_t port)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience = {failover::test::kPatience.count(), 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

TestClient TestClient::LogIn(std::uint16_t port) {
  TestClient client(port);
  client.Send(BuildStartup({{"user", "app"}, {"database", "d"}}));
  const std::string answer = client.Receive();
  EXPECT_EQ(answer.substr(answer.size() - 4), "Z I ") << answer;
  return client;
}

TestClient::TestClient(TestClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      key_(std::move(other.key_)),
      error_(std::move(other.error_)) {}

void TestClient::Send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void TestClient::SendQuery(std::string_view sql) const {
  std::string body;
  PutText(sql, body);
  std::string message;
  PutMessage(frontend::kQuery, body, message);
  Send(message);
}

std::string TestClient::ReceiveMessage(char* type) {
  const auto read = [this](std::size_t size, std::string& out) {
    out.resize(size);
    return size == 0 || recv(socket_, out.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size);
  };
  std::string header;
  std::string body;
  *type = '\0';
  if (!read(kHeaderSize, header)) return "end";
  if (!read(U32At(std::string_view(header).substr(1)) - 4, body)) return "end";
  *type = header[0];
  std::string text(1, *type);
  switch (*type) {
    case backend::kError:
    case backend::kNotice: {
      const auto error = ParseError(failover::postgres::Source::kErrorResponse, body);
      if (*type == backend::kError) error_ = error.text;
      return text + " " + error.sqlstate;
    }
    case backend::kReadyForQuery:
      return text + " " + body;
    case backend::kCommandComplete:
    case backend::kParameterStatus:
      return text + " " + body.substr(0, body.find('\0'));
    case backend::kBackendKeyData:
      key_ = body;
      return text;
    default:
      return text;
  }
}

std::string TestClient::Receive() { return ReceiveTo(backend::kReadyForQuery); }

std::string TestClient::ReceiveTo(char type) {
  std::string all;
  char last = '\0';
  do {
    const std::string message = ReceiveMessage(&last);
    all.append(message).append(" ");
  } while (last != type && last != '\0');
  return all;
}

std::string TestClient::Ask(std::string_view sql) {
  SendQuery(sql);
  return Receive();
}

void TestClient::Leave() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

ProxyInTest::ProxyInTest(const std::vector<ScriptedBackend*>& backends,
                         const ProxySettings& settings)
    : io_(1), work_(asio::make_work_guard(io_)) {
  options_.listen = {"127.0.0.1", 0};
  for (const ScriptedBackend* backend : backends) {
    options_.backends.push_back({"127.0.0.1", backend->port()});
  }
  options_.threads = 2;
  options_.max_connections = options_.max_logins = 100;
  options_.silence_limit = absl::Hours(1);
  options_.connect_timeout = options_.login_timeout = absl::Minutes(1);
  postgres_options_.client_authentication = settings.client_authentication;
  postgres_options_.repeat_sent = settings.repeat_sent;
  postgres_options_.max_message_size = settings.max_message_size;
  postgres_options_.look_interval = settings.look_interval;
  users_.emplace(Users::Parse(settings.users).value());

  failover::BufferOptions buffer_options;
  buffer_options.window = settings.window;
  buffer_options.max_failover_duration = absl::Minutes(1);
  buffer_options.min_time_between_failovers = absl::Minutes(2);
  buffer_options.shutdown_grace = absl::ZeroDuration();
  buffer_ = failover::Buffer::Create(std::move(buffer_options)).value();
  router_ = std::make_unique<proxy::Router>(options_.backends, *buffer_);
  context_ = std::make_unique<PostgresContext>(PostgresContext{
      {options_, *router_, *buffer_, buffer_->GetShard(kKeyspace, kShard), settings.window},
      postgres_options_,
      *users_,
      cancels_});
  protocol_ = std::make_unique<PostgresProtocol>(*context_);
  listener_ = std::make_unique<proxy::Listener>(*context_, *protocol_, io_);
  EXPECT_TRUE(listener_->Listen().ok());
  port_ = listener_->port();
  thread_ = std::thread([this] { io_.run(); });
}

ProxyInTest::~ProxyInTest() {
  io_.stop();
  thread_.join();
  buffer_->Shutdown();
  listener_->Stop();
}

void ProxyInTest::Report(std::size_t backend, std::int64_t term, bool serving) {
  failover::TabletStats stats;
  stats.alias = proxy::Router::AliasOf(backend);
  stats.target = {kKeyspace, kShard, failover::TabletType::kPrimary};
  stats.up = true;
  stats.serving = serving;
  stats.tablet_externally_reparented_timestamp = term;
  router_->StatsUpdate(stats);
}

void ProxyInTest::AwaitHeld(int count) const {
  EXPECT_TRUE(failover::test::Await([&] {
    return buffer_->GetShardStats(kKeyspace, kShard).value().requests_held >=
           static_cast<std::uint64_t>(count);
  }));
}

std::future<void> ProxyInTest::Drain(absl::Duration timeout) {
  auto ended = std::make_shared<std::promise<void>>();
  asio::co_spawn(
      io_.get_executor(),
      [this, timeout]() -> proxy::Task<> { co_await listener_->Drain(timeout); },
      [ended](const std::exception_ptr&) { ended->set_value(); });
  return ended->get_future();
}

}  // namespace postgres_proxy::test

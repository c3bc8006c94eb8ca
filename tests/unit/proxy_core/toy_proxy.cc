#include "toy_proxy.h"

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

namespace proxy::test {
namespace {

constexpr char kKeyspace[] = "main";
constexpr char kShard[] = "0";

}  // namespace

ToyClient::ToyClient(std::uint16_t port)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), lines_(socket_) {
  const timeval patience = {60, 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

void ToyClient::Send(const std::string& lines) {
  send(socket_, lines.data(), lines.size(), MSG_NOSIGNAL);
}

std::string ToyClient::Ask(const std::string& line) {
  Send(line + "\n");
  return Receive();
}

void ToyClient::Leave() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

ToyProxy::ToyProxy(const std::vector<ToyBackend*>& backends, const ToyProxyOptions& toy_options)
    : io_(1), work_(asio::make_work_guard(io_)) {
  options_.listen = {"127.0.0.1", 0};
  for (const ToyBackend* backend : backends) {
    options_.backends.push_back({"127.0.0.1", backend->port()});
  }
  options_.threads = 2;
  options_.max_connections = toy_options.max_connections;
  options_.max_logins = toy_options.max_logins;
  options_.max_user_connections = toy_options.max_user_connections;
  options_.silence_limit = toy_options.silence_limit;

  failover::BufferOptions buffer_options;
  buffer_options.window = absl::Minutes(1);
  buffer_options.max_failover_duration = absl::Minutes(1);
  buffer_options.min_time_between_failovers = absl::Minutes(2);
  buffer_options.shutdown_grace = absl::ZeroDuration();
  buffer_ = failover::Buffer::Create(std::move(buffer_options)).value();
  router_ = std::make_unique<Router>(options_.backends, *buffer_);
  context_ = std::make_unique<Context>(Context{
      options_, *router_, *buffer_, buffer_->GetShard(kKeyspace, kShard), absl::Minutes(1)});
  protocol_ = std::make_unique<ToyProtocol>(*context_);
  listener_ = std::make_unique<Listener>(*context_, *protocol_, io_);
  EXPECT_TRUE(listener_->Listen().ok());
  port_ = listener_->port();
  thread_ = std::thread([this] { io_.run(); });
}

ToyProxy::~ToyProxy() {
  io_.stop();
  thread_.join();
  listener_->EndSessions();
  buffer_->Shutdown();
  listener_->Stop();
}

void ToyProxy::ReportPrimary(std::size_t backend, std::int64_t term) {
  Report(backend, term, true);
}

void ToyProxy::ReportReadOnly(std::size_t backend, std::int64_t term) {
  Report(backend, term, false);
}

void ToyProxy::Report(std::size_t backend, std::int64_t term, bool serving) {
  failover::TabletStats stats;
  stats.alias = Router::AliasOf(backend);
  stats.target = {kKeyspace, kShard, failover::TabletType::kPrimary};
  stats.up = true;
  stats.serving = serving;
  stats.tablet_externally_reparented_timestamp = term;
  router_->StatsUpdate(stats);
}

void ToyProxy::ReportSilent(std::size_t backend) {
  failover::TabletStats stats;
  stats.alias = Router::AliasOf(backend);
  stats.target = {kKeyspace, kShard, failover::TabletType::kUnknown};
  router_->StatsUpdate(stats);
}

failover::ShardStats ToyProxy::stats() const {
  return buffer_->GetShardStats(kKeyspace, kShard).value();
}

std::future<void> ToyProxy::Drain(absl::Duration timeout) {
  auto ended = std::make_shared<std::promise<void>>();
  asio::co_spawn(
      io_.get_executor(), [this, timeout]() -> Task<> { co_await listener_->Drain(timeout); },
      [ended](const std::exception_ptr&) { ended->set_value(); });
  return ended->get_future();
}

}  // namespace proxy::test

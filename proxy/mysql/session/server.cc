#include "proxy/mysql/session/server.h"

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "spdlog/spdlog.h"

namespace mysql_proxy {
namespace {

// Clients learn these numbers and may send KILL with them. No server has connections with such
// numbers, so they kill nobody else's.
constexpr std::uint32_t kFirstConnectionId = 0x80000000;

constexpr std::chrono::milliseconds kFirstLookInterval{10};
constexpr std::chrono::milliseconds kDrainCheckInterval{20};
// After a failure to accept, of file descriptors for instance.
constexpr std::chrono::milliseconds kAcceptPause{100};

// One try, without waiting: who has no room for it has no need for it.
void RefuseClient(Socket& socket) {
  std::uint8_t sequence = 0;
  std::string wire;
  PutPacket(BuildError({1040, "08004", "Too many connections"}), sequence, wire);
  std::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(wire), ignored);
}

}  // namespace

Server::Server(const ProxyContext& context, asio::io_context& io)
    : context_(context), executor_(io.get_executor()), acceptor_(executor_) {}

absl::Status Server::Listen() {
  std::error_code error;
  const asio::ip::address ip = asio::ip::make_address(context_.options.listen.host, error);
  const asio::ip::tcp::endpoint endpoint(ip, context_.options.listen.port);
  if (!error) acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", context_.options.listen.ToString(), ": ", error.message()));
  }
  for (int i = 0; i < context_.options.threads; ++i) {
    loops_.push_back(std::make_unique<EventLoop>(context_));
  }
  accepting_ = true;
  asio::co_spawn(executor_, Accept(), [this](const std::exception_ptr& thrown) {
    accepting_ = false;
    if (thrown) spdlog::critical("no more clients are taken, for want of memory most likely");
  });
  return absl::OkStatus();
}

std::uint16_t Server::port() const {
  std::error_code ignored;
  return acceptor_.local_endpoint(ignored).port();
}

// Otherwise the first clients would take it for a failover that no primary is known yet; and right
// after one, a real one is not buffered.
Task<> Server::AwaitFirstLook() {
  Timer pause(executor_);
  while (acceptor_.is_open() && !context_.router.HasLooked()) {
    pause.expires_after(kFirstLookInterval);
    std::error_code ignored;
    co_await pause.async_wait(ErrorTo(ignored));
  }
}

Task<> Server::Accept() {
  co_await AwaitFirstLook();
  while (acceptor_.is_open()) {
    std::error_code error = co_await AcceptOne();
    if (error && acceptor_.is_open()) {
      spdlog::warn("cannot accept a connection: {}", error.message());
      Timer pause(executor_, kAcceptPause);
      co_await pause.async_wait(ErrorTo(error));
    }
  }
}

Task<std::error_code> Server::AcceptOne() {
  EventLoop& loop = *loops_[taken_ % loops_.size()];
  Socket socket(loop.io().get_executor());
  std::error_code error;
  co_await acceptor_.async_accept(socket, ErrorTo(error));
  if (!error) Take(std::move(socket), loop);
  co_return error;
}

void Server::Take(Socket socket, EventLoop& loop) {
  if (connections() >= context_.options.max_connections) {
    RefuseClient(socket);
    return;
  }
  connections_.fetch_add(1, std::memory_order_relaxed);
  const auto ended = [this] { connections_.fetch_sub(1, std::memory_order_relaxed); };
  try {
    loop.Serve(std::move(socket), kFirstConnectionId + taken_++ % kFirstConnectionId, ended);
  } catch (const std::exception& error) {
    spdlog::error("cannot serve a client: {}", error.what());
    ended();
  }
}

Task<> Server::Drain(absl::Duration timeout) {
  // The loops first: who finds the port closed finds no session that would take a command.
  for (const std::unique_ptr<EventLoop>& loop : loops_) loop->DrainSessions();
  std::error_code ignored;
  acceptor_.close(ignored);
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
  Timer pause(executor_);
  while (accepting_ || (connections() > 0 && std::chrono::steady_clock::now() < deadline)) {
    pause.expires_after(kDrainCheckInterval);
    co_await pause.async_wait(ErrorTo(ignored));
  }
}

void Server::Stop() {
  for (const std::unique_ptr<EventLoop>& loop : loops_) loop->Stop();
  loops_.clear();
}

}  // namespace mysql_proxy

#include "proxy/core/listener.h"

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace proxy {
namespace {

constexpr std::chrono::milliseconds kFirstLookInterval{10};
constexpr std::chrono::milliseconds kDrainCheckInterval{20};
// How long the listener waits after accept() has failed. If file descriptors are missing, the next
// accept() would fail at once.
constexpr std::chrono::milliseconds kAcceptPause{100};

// Writes once and does not wait: a client that cannot take the packet at once goes without it.
void Refuse(Socket& socket, const std::string& packet) {
  std::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(packet), ignored);
}

}  // namespace

Listener::Listener(const Context& context, const Protocol& protocol, asio::io_context& io)
    : context_(context), protocol_(protocol), executor_(io.get_executor()), acceptor_(executor_) {}

absl::Status Listener::Listen() {
  const Address& address = context_.options.listen;
  std::error_code error;
  const asio::ip::address ip = asio::ip::make_address(address.host, error);
  const asio::ip::tcp::endpoint endpoint(ip, address.port);
  if (!error) acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address.ToString(), ": ", error.message()));
  }
  for (int i = 0; i < context_.options.threads; ++i) {
    loops_.push_back(std::make_unique<EventLoop>(protocol_));
  }
  accepting_ = true;
  asio::co_spawn(executor_, Accept(), [this](const std::exception_ptr& thrown) {
    accepting_ = false;
    if (thrown)
      spdlog::critical("no more clients are taken; the likeliest reason is lack of memory");
  });
  return absl::OkStatus();
}

std::uint16_t Listener::port() const {
  std::error_code ignored;
  return acceptor_.local_endpoint(ignored).port();
}

// As long as no primary is known, the first clients' requests would fail as in a failover, and the
// Buffer would begin to hold requests. A real failover right after this false one would not be
// buffered, because the Buffer keeps a minimum time between two failovers.
Task<> Listener::AwaitFirstLook() {
  Timer pause(executor_);
  while (acceptor_.is_open() && !context_.router.HasLooked()) {
    pause.expires_after(kFirstLookInterval);
    std::error_code ignored;
    co_await pause.async_wait(ErrorTo(ignored));
  }
}

Task<> Listener::Accept() {
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

Task<std::error_code> Listener::AcceptOne() {
  EventLoop& loop = *loops_[taken_ % loops_.size()];
  Socket socket(loop.io().get_executor());
  std::error_code error;
  co_await acceptor_.async_accept(socket, ErrorTo(error));
  if (!error) Take(std::move(socket), loop);
  co_return error;
}

void Listener::Take(Socket socket, EventLoop& loop) {
  if (connections() >= context_.options.max_connections) {
    Refuse(socket, protocol_.RefusalPacket());
    return;
  }
  connections_.fetch_add(1, std::memory_order_relaxed);
  const auto ended = [this] { connections_.fetch_sub(1, std::memory_order_relaxed); };
  try {
    loop.Serve(std::move(socket), taken_++, ended);
  } catch (const std::exception& error) {
    spdlog::error("cannot serve a client: {}", error.what());
    ended();
  }
}

Task<> Listener::Drain(absl::Duration timeout) {
  // The loops are told before the port is closed. So a client that finds the port closed can be
  // sure that no session takes another command.
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

void Listener::Stop() {
  for (const std::unique_ptr<EventLoop>& loop : loops_) loop->Stop();
  loops_.clear();
}

}  // namespace proxy

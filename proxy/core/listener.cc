#include "proxy/core/listener.h"

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "proxy/core/acceptor.h"
#include "spdlog/spdlog.h"

namespace proxy {
namespace {

constexpr std::chrono::milliseconds kFirstLookInterval{10};
constexpr std::chrono::milliseconds kDrainCheckInterval{20};
// How long the listener waits after accept() has failed. If file descriptors are missing, the next
// accept() would fail at once.
constexpr std::chrono::milliseconds kFirstAcceptPause{10};
constexpr std::chrono::milliseconds kLongestAcceptPause{1000};
// How many clients that have not logged in go if file descriptors are missing. One would not do,
// because a client that logs in needs another descriptor for its backend.
constexpr int kEvictedAtOnce = 16;
// How often the log says that clients cannot be served as they wish.
constexpr std::chrono::seconds kLogPeriod{10};

// Writes once and does not wait: a client that cannot take the packet at once goes without it.
void Refuse(Socket& socket, const std::string& packet) {
  std::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(packet), ignored);
}

// Asio's category of errors does not translate these numbers into those of std::errc.
bool IsLackOfFiles(const std::error_code& error) {
  return error.category() == asio::error::get_system_category() &&
         (error.value() == EMFILE || error.value() == ENFILE);
}

}  // namespace

Listener::Listener(const Context& context, const Protocol& protocol, asio::io_context& io)
    : context_(context),
      protocol_(protocol),
      executor_(io.get_executor()),
      admissions_(AdmissionLimits{context.options.max_logins, context.options.max_connections,
                                  context.options.max_user_connections}),
      accept_backoff_(kFirstAcceptPause, kLongestAcceptPause),
      accept_log_(kLogPeriod),
      eviction_log_(kLogPeriod),
      acceptor_(executor_) {}

absl::Status Listener::Listen() {
  absl::Status listens = ListenOn(context_.options.listen, acceptor_);
  if (!listens.ok()) return listens;
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
    const std::error_code error = co_await AcceptOne();
    if (!error) {
      accept_backoff_.Succeeded();
    } else if (acceptor_.is_open()) {
      co_await PauseAfter(error);
    }
  }
}

Task<> Listener::PauseAfter(const std::error_code& error) {
  const std::string text = error.message();
  if (const std::optional<std::uint64_t> skipped = accept_log_.Note(); skipped.has_value()) {
    spdlog::warn("cannot accept a connection: {} ({} such lines were left out)", text, *skipped);
  }
  // Clients that do not log in must not keep the file descriptors that other clients need.
  if (IsLackOfFiles(error)) {
    for (int i = 0; i < kEvictedAtOnce; ++i) admissions_.EvictOldest();
  }
  Timer pause(executor_, accept_backoff_.Failed());
  std::error_code ignored;
  co_await pause.async_wait(ErrorTo(ignored));
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
  if (admissions_.IsFull()) {
    Refuse(socket, protocol_.RefusalPacket());
    return;
  }
  const int before = connections_.fetch_add(1, std::memory_order_relaxed);
  most_connections_.store(std::max(before + 1, most_connections()), std::memory_order_relaxed);
  const auto ended = [this] { connections_.fetch_sub(1, std::memory_order_relaxed); };
  try {
    Admission admission = admissions_.Enter(loop.io().get_executor());
    loop.Serve(std::move(socket), taken_++, std::move(admission), ended);
    LogEvictions();
  } catch (const std::exception& error) {
    spdlog::error("cannot serve a client: {}", error.what());
    ended();
  }
}

void Listener::LogEvictions() {
  const std::uint64_t evictions = admissions_.evictions();
  if (std::exchange(evictions_seen_, evictions) == evictions) return;
  if (!eviction_log_.Note().has_value()) return;
  spdlog::warn("clients that did not log in had to make room for others: {} so far", evictions);
}

Task<> Listener::Drain(absl::Duration timeout) {
  draining_ = true;
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

void Listener::EndSessions() {
  for (const std::unique_ptr<EventLoop>& loop : loops_) loop->EndSessions();
}

void Listener::Stop() {
  for (const std::unique_ptr<EventLoop>& loop : loops_) loop->Stop();
  loops_.clear();
}

}  // namespace proxy

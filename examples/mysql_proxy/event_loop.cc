#include "event_loop.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <utility>

#include "absl/cleanup/cleanup.h"

namespace mysql_proxy {
namespace {

constexpr std::chrono::milliseconds kCheckInterval{250};

}  // namespace

EventLoop::EventLoop(const ProxyContext& context)
    : context_(context),
      io_(/*concurrency_hint=*/1),
      work_(asio::make_work_guard(io_)),
      check_(io_.get_executor()) {
  CheckSilence();
  thread_ = std::thread([this] { io_.run(); });
}

EventLoop::~EventLoop() { Stop(); }

void EventLoop::Serve(Socket socket, std::uint32_t connection_id, std::function<void()> ended) {
  asio::co_spawn(io_.get_executor(), RunSession(std::move(socket), connection_id, std::move(ended)),
                 asio::detached);
}

// However a session ends, out of memory too, it is not known any longer.
Task<> EventLoop::RunSession(Socket socket, std::uint32_t connection_id,
                             std::function<void()> ended) {
  const absl::Cleanup tell = [&ended] { ended(); };
  Session session(context_, io_.get_executor(), std::move(socket), connection_id);
  sessions_.insert(&session);
  const absl::Cleanup forget = [this, &session] { sessions_.erase(&session); };
  if (draining_) session.Drain();
  co_await session.Run();
}

void EventLoop::DrainSessions() {
  asio::post(io_, [this] {
    draining_ = true;
    for (Session* session : sessions_) session->Drain();
  });
}

void EventLoop::CheckSilence() {
  check_.expires_after(kCheckInterval);
  check_.async_wait([this](std::error_code error) {
    if (error) return;
    for (Session* session : sessions_) session->GiveUpIfSilent();
    CheckSilence();
  });
}

void EventLoop::Stop() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace mysql_proxy

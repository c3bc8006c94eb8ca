#include "proxy/mysql/session/event_loop.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "spdlog/spdlog.h"

namespace mysql_proxy {
namespace {

constexpr std::chrono::milliseconds kCheckInterval{250};

// A session is one of the loop's as long as this lives.
class Registration {
 public:
  Registration(std::unordered_set<Session*>& sessions, Session& session)
      : sessions_(sessions), session_(session) {
    sessions_.insert(&session_);
  }
  ~Registration() { sessions_.erase(&session_); }

  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  std::unordered_set<Session*>& sessions_;
  Session& session_;
};

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

Task<> EventLoop::RunSession(Socket socket, std::uint32_t connection_id,
                             std::function<void()> ended) {
  try {
    Session session(context_, io_.get_executor(), std::move(socket), connection_id);
    const Registration registration(sessions_, session);
    if (draining_) session.Drain();
    co_await session.Run();
  } catch (const std::exception& error) {
    // For want of memory, most likely. The others go on.
    spdlog::error("a session ended: {}", error.what());
  }
  ended();
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

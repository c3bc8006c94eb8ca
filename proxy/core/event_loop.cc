#include "proxy/core/event_loop.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <utility>

#include "spdlog/spdlog.h"

namespace proxy {
namespace {

// How often the sessions look whether their backend is silent. A quarter of a second is short
// beside --silence_limit, which is given in seconds.
constexpr std::chrono::milliseconds kCheckInterval{250};

// A session is known to its loop as long as its Registration lives.
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

EventLoop::EventLoop(const Protocol& protocol)
    : protocol_(protocol),
      io_(/*concurrency_hint=*/1),
      work_(asio::make_work_guard(io_)),
      check_(io_.get_executor()) {
  CheckSilence();
  thread_ = std::thread([this] { io_.run(); });
}

EventLoop::~EventLoop() { Stop(); }

void EventLoop::Serve(Socket socket, std::uint32_t id, Admission admission,
                      std::function<void()> ended) {
  asio::co_spawn(io_.get_executor(),
                 RunSession(std::move(socket), id, std::move(admission), std::move(ended)),
                 asio::detached);
}

Task<> EventLoop::RunSession(Socket socket, std::uint32_t id, Admission admission,
                             std::function<void()> ended) {
  try {
    const std::unique_ptr<Session> session =
        protocol_.Accept(std::move(socket), id, std::move(admission));
    const Registration registration(sessions_, *session);
    if (draining_) session->Drain();
    if (ending_) session->End();
    co_await session->Run();
  } catch (const std::exception& error) {
    // The likeliest exception is std::bad_alloc. The other sessions go on.
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

void EventLoop::EndSessions() {
  std::promise<void> done;
  asio::post(io_, [this, &done] {
    ending_ = true;
    for (Session* session : sessions_) session->End();
    done.set_value();
  });
  done.get_future().wait();
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

}  // namespace proxy

// One thread with an event loop, and the sessions on it.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_EVENT_LOOP_H_
#define FAILOVER_PROXY_MYSQL_SESSION_EVENT_LOOP_H_

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <thread>
#include <unordered_set>

#include "proxy/core/asio_types.h"
#include "proxy/mysql/session/proxy_context.h"
#include "proxy/mysql/session/session.h"

namespace mysql_proxy {

// The functions may be called from any thread; they act on the loop's own.
class EventLoop {
 public:
  explicit EventLoop(const ProxyContext& context);
  // Stop.
  ~EventLoop();

  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  asio::io_context& io() { return io_; }

  // Serves a client whose socket belongs to io(). `ended` is called on the loop afterwards, however
  // the session ends; not if the loop ends first.
  void Serve(Socket socket, std::uint32_t connection_id, std::function<void()> ended);
  void DrainSessions();
  // Ends the thread, and with it all sessions.
  void Stop();

 private:
  Task<> RunSession(Socket socket, std::uint32_t connection_id, std::function<void()> ended);
  void CheckSilence();

  const ProxyContext& context_;
  std::unordered_set<Session*> sessions_;  // of the loop's thread; outlives those in io_
  bool draining_ = false;                  // likewise
  asio::io_context io_;
  asio::executor_work_guard<Executor> work_;
  Timer check_;
  std::thread thread_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_EVENT_LOOP_H_

// One thread with an event loop, and the sessions on this loop.
#ifndef FAILOVER_PROXY_CORE_EVENT_LOOP_H_
#define FAILOVER_PROXY_CORE_EVENT_LOOP_H_

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <thread>
#include <unordered_set>

#include "proxy/core/admissions.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/protocol.h"

namespace proxy {

// Serve, DrainSessions and EndSessions may be called from any other thread; they act on the loop's
// own thread. Stop and the destructor belong to the owner.
class EventLoop {
 public:
  // Starts the thread. `protocol` is not owned.
  explicit EventLoop(const Protocol& protocol);
  // Calls Stop, and destroys the sessions that are left.
  ~EventLoop();

  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  asio::io_context& io() { return io_; }

  // Serves a client whose socket and admission belong to io(). `ended` is called on the loop when
  // the session has ended, for whatever reason. `ended` is not called if the loop ends before the
  // session.
  void Serve(Socket socket, std::uint32_t id, Admission admission, std::function<void()> ended);
  // Drains all sessions, those that begin later included.
  void DrainSessions();
  // Ends all sessions, those that begin later included. No session sends anything more to a backend
  // when the function has returned. May not be called after Stop.
  void EndSessions();
  // Ends the thread. No session runs any more when Stop has returned.
  void Stop();

 private:
  Task<> RunSession(Socket socket, std::uint32_t id, Admission admission,
                    std::function<void()> ended);
  void CheckSilence();

  const Protocol& protocol_;

  // Used on the loop's thread only. sessions_ is declared before io_ and so is destroyed after io_,
  // because the sessions that are destroyed with io_ take themselves out of sessions_.
  std::unordered_set<Session*> sessions_;
  bool draining_ = false;
  bool ending_ = false;

  asio::io_context io_;
  asio::executor_work_guard<Executor> work_;
  Timer check_;
  std::thread thread_;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_EVENT_LOOP_H_

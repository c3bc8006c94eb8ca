// The sessions of the proxy by the connection ids that their clients know, so that one client can
// cancel what another client runs.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_SESSION_REGISTRY_H_
#define FAILOVER_PROXY_MYSQL_SESSION_SESSION_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace mysql_proxy {

// Clients learn ids from this one on. No backend has connections with ids this high, so that a
// client can also name a connection by the id that the backend gave.
inline constexpr std::uint32_t kFirstConnectionId = 0x80000000;

// A connection to a backend, as the backend knows it.
struct BackendThread {
  std::size_t backend = 0;      // an index in Router::backends()
  std::uint32_t thread_id = 0;  // 0: there is no connection
};

struct RegisteredSession {
  std::string user;
  BackendThread thread;
};

// Thread-safe. Owns copies of all that it is told.
class SessionRegistry {
 public:
  // How others reach a session. The functions are called on any thread and under a lock, and never
  // after Leave has returned: they must only post the work to the session's event loop.
  struct Reach {
    std::function<void()> close;
    // Ends the wait of the statement that is held. Returns whether there is one.
    std::function<bool()> interrupt;
  };

  // A client has logged in as `user`. A second call for the same id replaces the user.
  void Enter(std::uint32_t id, std::string user, Reach reach);
  void Leave(std::uint32_t id);
  // The session has got another connection to a backend, or has none any more.
  void SetThread(std::uint32_t id, const BackendThread& thread);

  // nullopt: there is no such session.
  std::optional<RegisteredSession> Find(std::uint32_t id) const;
  // Ends the session, unless it has ended already.
  void Close(std::uint32_t id);
  // Ends the wait of the session's statement, if the statement is held. Returns whether it was.
  bool Interrupt(std::uint32_t id);

 private:
  struct Entry {
    RegisteredSession session;
    Reach reach;
  };

  mutable std::mutex mutex_;
  std::unordered_map<std::uint32_t, Entry> entries_;  // guarded by mutex_
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_SESSION_REGISTRY_H_

// The sessions of the proxy by the keys that their clients have got, so that a client can cancel
// what its session runs. A client cancels over a new connection, which may come to any event loop.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_CANCEL_REGISTRY_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_CANCEL_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "proxy/core/mutex.h"
#include "proxy/postgres/protocol/startup.h"

namespace postgres_proxy {

// A connection to a backend, as the backend knows it.
struct CancelTarget {
  std::size_t backend = 0;  // an index in Router::backends()
  CancelKey key;
};

// Thread-safe.
class CancelRegistry {
 public:
  // Makes the key of a new session. Clients see `pid`; the rest of the key is random. nullopt:
  // there is no randomness. `interrupt` ends the wait of the session's request, if the request is
  // held, and returns whether it was. It is called on any thread and under a lock, and never after
  // Leave has returned: it must only post the work to the session's event loop.
  std::optional<CancelKey> Enter(std::uint32_t pid, std::function<bool()> interrupt);
  void Leave(const CancelKey& key);
  // The session has got another connection to a backend; nullopt: it has none any more.
  void SetTarget(const CancelKey& key, const std::optional<CancelTarget>& target);

  // Ends the wait of the session's request, if the request is held. Returns whether it was.
  bool Interrupt(const CancelKey& key) const;
  // Where the session runs now. nullopt: nobody has this key, or the session has no connection.
  std::optional<CancelTarget> Find(const CancelKey& key) const;

 private:
  struct Entry {
    std::function<bool()> interrupt;
    std::optional<CancelTarget> target = {};
  };

  static std::uint64_t NumberOf(const CancelKey& key) {
    return std::uint64_t{key.pid} << 32 | key.secret;
  }

  mutable proxy::Mutex mutex_;
  std::unordered_map<std::uint64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_CANCEL_REGISTRY_H_

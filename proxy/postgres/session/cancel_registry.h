// The sessions of the proxy by the keys that their clients have got, so that a client can cancel
// what its session runs. A client cancels over a new connection, which may come to any event loop.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_CANCEL_REGISTRY_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_CANCEL_REGISTRY_H_

#include <cstddef>
#include <cstdint>
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
  // there is no randomness. Nothing can be cancelled before the first SetTarget.
  std::optional<CancelKey> Enter(std::uint32_t pid);
  void Leave(const CancelKey& key);
  // The session has got another connection to a backend; nullopt: it has none any more.
  void SetTarget(const CancelKey& key, const std::optional<CancelTarget>& target);

  // Where the session runs now. nullopt: nobody has this key, or the session has no connection.
  std::optional<CancelTarget> Find(const CancelKey& key) const;

 private:
  static std::uint64_t NumberOf(const CancelKey& key) {
    return std::uint64_t{key.pid} << 32 | key.secret;
  }

  mutable proxy::Mutex mutex_;
  std::unordered_map<std::uint64_t, std::optional<CancelTarget>> targets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_CANCEL_REGISTRY_H_

// When a session keeps its connection to a backend, replaces it, or ends.
#ifndef FAILOVER_PROXY_CORE_CONNECTION_POLICY_H_
#define FAILOVER_PROXY_CORE_CONNECTION_POLICY_H_

#include <cstddef>
#include <optional>

#include "proxy/core/context.h"

namespace proxy {

// The facts about a session's connection that decide.
struct ConnectionUse {
  // The index of the backend in Options::backends.
  std::size_t backend = 0;
  // A transaction is open, or may be: it can only end well on this connection.
  bool transaction_open = false;
  // The session has told its client that nothing of the connection's state remains.
  bool left_behind = false;
};

// Whether the next statement may go to this connection: the connection is to the primary, or a
// transaction on it may still end well.
inline bool MayKeep(const Context& context, const ConnectionUse& use) {
  if (use.left_behind) return false;
  return use.transaction_open || context.router.primary() == std::optional(use.backend);
}

// Whether an exchange with this backend is to be given up, because the backend has not answered
// health checks for too long. The outcome of a statement that was sent is unknown then.
inline bool MustGiveUp(const Context& context, std::size_t backend) {
  return context.router.IsSilent(backend, context.options.silence_limit);
}

// Whether a session that is not executing anything ends in a drain.
inline bool EndsInDrain(bool draining, bool transaction_open) {
  return draining && !transaction_open;
}

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_CONNECTION_POLICY_H_

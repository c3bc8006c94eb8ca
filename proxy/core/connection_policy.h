// When a session keeps its connection to a backend, replaces it, or ends.
#ifndef FAILOVER_PROXY_CORE_CONNECTION_POLICY_H_
#define FAILOVER_PROXY_CORE_CONNECTION_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "proxy/core/context.h"

namespace proxy {

// The facts about a session's connection that decide.
struct ConnectionUse {
  // The index of the backend in Options::backends.
  std::size_t backend = 0;
  // ShardHandle::epoch, read before the primary was looked up and the connection was made.
  std::uint64_t epoch = 0;
  // A transaction is open, or may be: it can only end well on this connection.
  bool transaction_open = false;
  // The session has told its client that nothing of the connection's state remains.
  bool left_behind = false;
  // The next statement would fail on another connection, because the session's state or the
  // statement needs something that only this connection has.
  bool irreplaceable = false;
};

// Whether the next statement may go to this connection: the connection is to the primary, and was
// made since the last failover ended; or a transaction on it may still end well.
//
// An old connection to the same primary may end at a server that is not the primary any more, for
// instance behind an address that has moved. In most failovers it does not, so a session that would
// lose something keeps the connection. A server that is not the primary refuses its writes.
inline bool MayKeep(const Context& context, const ConnectionUse& use) {
  if (use.left_behind) return false;
  if (use.transaction_open) return true;
  if (context.router.primary() != std::optional(use.backend)) return false;
  return use.irreplaceable || use.epoch == context.shard.epoch();
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

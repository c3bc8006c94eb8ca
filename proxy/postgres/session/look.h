// A question to the backend: what a session has that no other connection can be given.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_LOOK_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_LOOK_H_

#include <optional>
#include <string>
#include <string_view>

#include "proxy/postgres/session/session_state.h"

namespace postgres_proxy {

// The name of the statement that asks. The session has no such statement before and afterwards.
inline constexpr char kLookStatement[] = "failover-postgres-proxy look";

// The messages up to a Sync. They leave the unnamed statement of the client alone.
std::string MessagesToLook();

// Reads the body of the DataRow that answers. nullopt: the row makes no sense.
std::optional<Leftovers> LeftoversIn(std::string_view row);

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_LOOK_H_

// What the generations of a shard's data say about a server that takes writes.
#ifndef FAILOVER_SRC_WATCH_STANDING_H_
#define FAILOVER_SRC_WATCH_STANDING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "watch/known_server.h"

namespace failover::watch::internal {

enum class Standing : std::uint8_t {
  // The database numbers no promotions, so that the roles decide alone.
  kNotNumbered,
  // No other server has a better claim.
  kFirst,
  // Another server may take writes on a later generation.
  kOutdated,
  // A server that is lost has the same generation or a later one, and nobody was seen to promote
  // this server.
  kUnproven,
  // The data of the server are not those of the shard.
  kForeign,
};

// The primary, as far as it is known: its address, and the history of its data.
struct Incumbent {
  std::optional<std::size_t> address;
  std::string history;
};

// The standing of the server `index`, which takes writes.
Standing StandingOf(const std::vector<KnownServer>& servers, std::size_t index,
                    const Incumbent& incumbent);

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_STANDING_H_

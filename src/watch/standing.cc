#include "watch/standing.h"

namespace failover::watch::internal {
namespace {

// Whether the server was lost: it neither answers nor refuses the monitor.
bool IsLost(const KnownServer& server) {
  return server.heard && !server.blind && !Answers(server.last.seen);
}

// The address of the primary is trusted whatever data are there, unless the data of the shard have
// a server that takes writes elsewhere. Somebody may have upgraded or restored the primary.
bool IsForeignBeside(const KnownServer& server, const std::vector<KnownServer>& servers,
                     std::size_t index, const Incumbent& incumbent) {
  if (server.history == incumbent.history) return false;
  if (incumbent.address != index) return true;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (i != index && servers[i].claim != 0 && servers[i].history == incumbent.history) return true;
  }
  return false;
}

// Without a primary nobody knows which data are the shard's. So all servers that answer must agree.
bool IsDisputed(const KnownServer& server, const std::vector<KnownServer>& servers) {
  for (const KnownServer& other : servers) {
    const bool answers = other.heard && Answers(other.last.seen);
    if (answers && !other.history.empty() && other.history != server.history) return true;
  }
  return false;
}

}  // namespace

Standing StandingOf(const std::vector<KnownServer>& servers, std::size_t index,
                    const Incumbent& incumbent) {
  const KnownServer& server = servers[index];
  if (server.claim == 0) return Standing::kNotNumbered;
  const bool foreign = incumbent.history.empty()
                           ? IsDisputed(server, servers)
                           : IsForeignBeside(server, servers, index, incumbent);
  if (foreign) return Standing::kForeign;
  bool unproven = false;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const KnownServer& other = servers[i];
    if (i == index || other.history != server.history) continue;
    if (SameServer(other.identity, server.identity)) continue;
    if (other.claim > server.claim && !IsLost(other)) return Standing::kOutdated;
    if (other.claim >= server.claim && IsLost(other)) unproven = true;
  }
  return unproven && !server.promoted ? Standing::kUnproven : Standing::kFirst;
}

}  // namespace failover::watch::internal

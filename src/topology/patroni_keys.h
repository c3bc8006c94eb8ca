// What the keys of a cluster of Patroni mean: names of keys, and the JSON texts in their values.
//
// Thread-safety: the functions are pure and may be called from any thread.
#ifndef FAILOVER_SRC_TOPOLOGY_PATRONI_KEYS_H_
#define FAILOVER_SRC_TOPOLOGY_PATRONI_KEYS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "failover/topology/patroni_feed.h"

namespace failover::topology::internal {

// What all keys of a cluster begin with: "/service/batman/". Patroni allows any number of slashes
// around the parts.
std::string PrefixOf(absl::string_view namespace_path, absl::string_view scope);

// The value of members/<name>. kDataLoss says what is malformed.
absl::StatusOr<PatroniMember> ParseMember(absl::string_view name, absl::string_view value);

// The value of failover. nullopt: nothing is announced (`{}`). kDataLoss says what is malformed.
absl::StatusOr<std::optional<PatroniSwitchover>> ParseAnnouncement(absl::string_view value);

}  // namespace failover::topology::internal

#endif  // FAILOVER_SRC_TOPOLOGY_PATRONI_KEYS_H_

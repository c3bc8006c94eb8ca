#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "failover/mysql/primary_monitor.h"

namespace failover::mysql {
namespace {

constexpr absl::Duration kShortest = absl::Milliseconds(1);
constexpr absl::Duration kLongest = absl::Hours(1);
// sun_path of a sockaddr_un, which ends with a zero.
constexpr std::size_t kLongestSocketPath = 107;

using Alias = std::pair<std::string, std::uint32_t>;
using Address = std::tuple<std::string, std::string, std::uint16_t>;

// What must not occur twice within a shard.
struct Known {
  std::set<Alias> aliases;
  std::set<Address> addresses;
};

absl::Status Wrong(const std::string& field, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(field, " ", what));
}

absl::Status ValidateAddress(const MonitoredServer& server, const std::string& field) {
  if (server.host.empty() == server.unix_socket.empty()) {
    return Wrong(field, "must have either a host or a unix_socket");
  }
  if (!server.host.empty() && server.port == 0) {
    return Wrong(field + ".port", "must be from 1 to 65535");
  }
  if (server.unix_socket.size() > kLongestSocketPath) {
    return Wrong(field + ".unix_socket",
                 absl::StrCat("must be at most ", kLongestSocketPath, " bytes long"));
  }
  return absl::OkStatus();
}

absl::Status ValidateServer(const MonitoredServer& server, const std::string& field, Known& known) {
  if (server.alias == TabletAlias{}) return Wrong(field + ".alias", "must not be empty");
  if (!known.aliases.emplace(server.alias.cell, server.alias.uid).second) {
    return Wrong(field + ".alias", "occurs twice in the shard");
  }
  absl::Status address = ValidateAddress(server, field);
  if (!address.ok()) return address;
  const std::uint16_t port = server.host.empty() ? std::uint16_t{0} : server.port;
  if (!known.addresses.emplace(server.host, server.unix_socket, port).second) {
    return Wrong(field, "has the address of another server of the shard");
  }
  if (server.user.empty()) return Wrong(field + ".user", "must not be empty");
  return absl::OkStatus();
}

absl::Status ValidateShard(const MonitoredShard& shard, const std::string& field) {
  if (shard.keyspace.empty()) return Wrong(field + ".keyspace", "must not be empty");
  if (shard.shard.empty()) return Wrong(field + ".shard", "must not be empty");
  if (shard.servers.empty()) return Wrong(field + ".servers", "must not be empty");
  Known known;
  for (std::size_t i = 0; i < shard.servers.size(); ++i) {
    const std::string server = absl::StrCat(field, ".servers[", i, "]");
    absl::Status status = ValidateServer(shard.servers[i], server, known);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ValidateDuration(absl::Duration duration, const std::string& field) {
  if (duration >= kShortest && duration <= kLongest) return absl::OkStatus();
  return Wrong(field, absl::StrCat("must be from ", absl::FormatDuration(kShortest), " to ",
                                   absl::FormatDuration(kLongest), ", not ",
                                   absl::FormatDuration(duration)));
}

}  // namespace

absl::Status PrimaryMonitorOptions::Validate() const {
  if (shards.empty()) return Wrong("shards", "must not be empty");
  std::set<std::pair<std::string, std::string>> names;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string field = absl::StrCat("shards[", i, "]");
    absl::Status status = ValidateShard(shards[i], field);
    if (!status.ok()) return status;
    if (!names.emplace(shards[i].keyspace, shards[i].shard).second) {
      return Wrong(field, "has the keyspace and the shard of an earlier one");
    }
  }
  absl::Status interval = ValidateDuration(poll_interval, "poll_interval");
  if (!interval.ok()) return interval;
  // Written so that it refuses NaN, too.
  if (!(jitter >= 0.0 && jitter < 1.0)) {
    return Wrong("jitter", absl::StrCat("must be at least 0 and less than 1, not ", jitter));
  }
  return ValidateDuration(timeout, "timeout");
}

}  // namespace failover::mysql

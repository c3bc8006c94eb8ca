// Checks the options of a monitor. The messages name the first field that is wrong. The modules for
// the databases use these functions, too, because their options have the same shape.
//
// Thread-safety: the functions may be called from any thread.
#ifndef FAILOVER_SRC_WATCH_VALIDATION_H_
#define FAILOVER_SRC_WATCH_VALIDATION_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "failover/export.h"
#include "failover/health_check.h"
#include "failover/watch/server_tls.h"

namespace failover::watch::internal {

// The names and addresses of one shard: none of them may occur twice.
struct FAILOVER_EXPORT KnownServers {
  std::set<std::pair<std::string, std::uint32_t>> aliases;
  std::set<std::tuple<std::string, std::string, std::uint16_t>> addresses;

  absl::Status AddAlias(const TabletAlias& alias, const std::string& field);
  // A server is reached either by `host` and `port`, or by `unix_socket`.
  absl::Status AddAddress(const std::string& host, std::uint16_t port,
                          const std::string& unix_socket, const std::string& field);
};

// The keyspaces and shards of the options: no pair may occur twice.
using KnownShards = std::set<std::pair<std::string, std::string>>;

// Returns kInvalidArgument with the message "<field> <what>".
FAILOVER_EXPORT absl::Status WrongField(const std::string& field, const std::string& what);

FAILOVER_EXPORT absl::Status ValidatePolling(absl::Duration poll_interval, double jitter,
                                             absl::Duration timeout);
FAILOVER_EXPORT absl::Status ValidateUrgency(absl::Duration urgent_interval,
                                             absl::Duration urgent_duration,
                                             absl::Duration hold_interval);

// A file that an option names, if it names one. Waits for the file system.
FAILOVER_EXPORT absl::Status ValidateFile(const std::string& file, const std::string& field);
// The TLS of a server that may be reached by `unix_socket`. Waits for the file system.
FAILOVER_EXPORT absl::Status ValidateTls(const ServerTls& tls, const std::string& unix_socket,
                                         const std::string& field);

// `Shard` has the fields keyspace, shard and servers; each server has the field alias.
// `check_server(server, field, known)` checks what else a server has and returns an absl::Status.
template <typename Shard, typename CheckServer>
absl::Status ValidateShard(const Shard& shard, const std::string& field,
                           const CheckServer& check_server) {
  if (shard.keyspace.empty()) return WrongField(field + ".keyspace", "must not be empty");
  if (shard.shard.empty()) return WrongField(field + ".shard", "must not be empty");
  if (shard.servers.empty()) return WrongField(field + ".servers", "must not be empty");
  KnownServers known;
  for (std::size_t i = 0; i < shard.servers.size(); ++i) {
    const std::string server = absl::StrCat(field, ".servers[", i, "]");
    absl::Status status = known.AddAlias(shard.servers[i].alias, server);
    if (status.ok()) status = check_server(shard.servers[i], server, known);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

template <typename Shard, typename CheckServer>
absl::Status ValidateShards(const std::vector<Shard>& shards, const CheckServer& check_server) {
  if (shards.empty()) return WrongField("shards", "must not be empty");
  KnownShards known;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string field = absl::StrCat("shards[", i, "]");
    absl::Status status = ValidateShard(shards[i], field, check_server);
    if (!status.ok()) return status;
    if (!known.emplace(shards[i].keyspace, shards[i].shard).second) {
      return WrongField(field, "has the keyspace and the shard of an earlier one");
    }
  }
  return absl::OkStatus();
}

// `Options` has the fields of MonitorOptions that are checked here.
template <typename Options, typename CheckServer>
absl::Status ValidateOptions(const Options& options, const CheckServer& check_server) {
  absl::Status status = ValidateShards(options.shards, check_server);
  if (status.ok()) {
    status = ValidatePolling(options.poll_interval, options.jitter, options.timeout);
  }
  if (!status.ok()) return status;
  return ValidateUrgency(options.urgent_interval, options.urgent_duration, options.hold_interval);
}

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_VALIDATION_H_

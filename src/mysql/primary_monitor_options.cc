#include <string>

#include "absl/status/status.h"
#include "failover/mysql/primary_monitor.h"
#include "watch/validation.h"

namespace failover::mysql {
namespace {

using watch::internal::KnownServers;

absl::Status ValidateServer(const MonitoredServer& server, const std::string& field,
                            KnownServers& known) {
  absl::Status address = known.AddAddress(server.host, server.port, server.unix_socket, field);
  if (!address.ok()) return address;
  if (server.user.empty()) return watch::internal::WrongField(field + ".user", "must not be empty");
  return absl::OkStatus();
}

}  // namespace

absl::Status PrimaryMonitorOptions::Validate() const {
  absl::Status status = watch::internal::ValidateShards(shards, ValidateServer);
  if (!status.ok()) return status;
  return watch::internal::ValidatePolling(poll_interval, jitter, timeout);
}

}  // namespace failover::mysql

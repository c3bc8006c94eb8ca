#include "c/monitors.h"

#include <new>
#include <optional>

#include "failover/watch/server_report.h"

namespace failover::c {
namespace {

watch::ServerRole RoleOf(TabletType type) {
  switch (type) {
    case TabletType::kPrimary:
      return watch::ServerRole::kPrimary;
    case TabletType::kReplica:
      return watch::ServerRole::kReplica;
    default:
      return watch::ServerRole::kUnknown;
  }
}

}  // namespace

void TableFeed::StatsUpdate(const TabletStats& stats) {
  try {
    watch::ServerReport report;
    report.keyspace = stats.target.keyspace;
    report.shard = stats.target.shard;
    report.address = stats.alias.cell;
    report.role = RoleOf(stats.target.tablet_type);
    report.reachable = stats.up;
    report.serving = stats.serving;
    report.term = stats.tablet_externally_reparented_timestamp;
    report.problem = stats.last_error;
    report.observed_at = stats.observed_at;
    // The names and the term of a monitor are always right.
    static_cast<void>(table_.Report(report));
  } catch (const std::bad_alloc&) {
    // A listener must not throw. The next check is reported again.
  }
}

fo_result CheckOptions(const fo_monitor_options* options) noexcept {
  if (options == nullptr) return Invalid("options", "is NULL");
  if (const fo_result size = CheckSize(options->struct_size, sizeof(*options), "options");
      size != FO_OK) {
    return size;
  }
  if (options->reserved != 0) return Invalid("options.reserved", "is not zero");
  if (options->shards == nullptr || options->shard_count == 0) {
    return Invalid("options.shards", "is NULL, or shard_count is zero");
  }
  if (options->jitter_percent < FO_NONE || options->jitter_percent > 99) {
    return Invalid("options.jitter_percent", "must be from 1 to 99, zero or FO_NONE");
  }
  return FO_OK;
}

fo_result CheckShard(const fo_buffer& buffer, const fo_monitored_shard& shard,
                     const std::string& field, fo_buffer::Names* names) {
  if (const fo_result size = CheckSize(shard.struct_size, sizeof(shard), field); size != FO_OK) {
    return size;
  }
  std::optional<fo_buffer::Names> known = buffer.NamesOf(shard.shard);
  if (!known.has_value()) return Invalid(field + ".shard", "did not come from fo_shard_get");
  if (shard.servers == nullptr || shard.server_count == 0) {
    return Invalid(field + ".servers", "is NULL, or server_count is zero");
  }
  *names = *std::move(known);
  return FO_OK;
}

fo_result CheckServer(const fo_monitored_server& server, const std::string& field) {
  if (const fo_result size = CheckSize(server.struct_size, sizeof(server), field); size != FO_OK) {
    return size;
  }
  if (server.port < 0 || server.port > 65535) {
    return Invalid(field + ".port", "must be from 1 to 65535, or zero");
  }
  if (server.tls < FO_TLS_OFF || server.tls > FO_TLS_VERIFY) {
    return Invalid(field + ".tls", "is no FO_TLS_...");
  }
  if (OrEmpty(server.host)[0] == '\0' && OrEmpty(server.unix_socket)[0] == '\0') {
    return Invalid(field, "must have either a host or a unix_socket");
  }
  if (server.name != nullptr && server.name[0] == '\0') return Invalid(field + ".name", "is empty");
  return FO_OK;
}

fo_result CheckUnused(const char* text, const std::string& field) {
  if (text == nullptr) return FO_OK;
  return Invalid(field, "is for another database, and must be NULL");
}

fo_result FailedMonitor(const absl::Status& status) noexcept {
  const fo_result result = Fail(status);
  return result == FO_INVALID_ARGUMENT ? result : static_cast<fo_result>(FO_NO_THREAD);
}

}  // namespace failover::c

void fo_monitor_destroy(fo_monitor* monitor) {
  if (failover::c::MayEnd(monitor)) delete monitor;
}

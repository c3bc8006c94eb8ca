// What the monitors of all databases have in common. A module for a database adds the class of its
// monitor, and the fields of a server that no other database has.
#ifndef FAILOVER_SRC_C_MONITORS_H_
#define FAILOVER_SRC_C_MONITORS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "c/buffer.h"
#include "c/error.h"
#include "c/process.h"
#include "c/text.h"
#include "c/times.h"
#include "failover/c/monitor.h"
#include "failover/export.h"
#include "failover/health_check.h"
#include "failover/watch/primary_table.h"
#include "failover/watch/server_tls.h"

struct fo_monitor : failover::c::OfOneProcess {
  virtual ~fo_monitor() = default;
};

namespace failover::c {

// Passes on what a monitor finds to the table of a buffer, which tells the buffer.
class FAILOVER_EXPORT TableFeed final : public HealthCheckStatsListener {
 public:
  explicit TableFeed(watch::PrimaryTable& table) : table_(table) {}

  void StatsUpdate(const TabletStats& stats) override;

 private:
  watch::PrimaryTable& table_;
};

template <typename Monitor>
struct RunningMonitor final : fo_monitor {
  explicit RunningMonitor(watch::PrimaryTable& table) : feed(table) {}

  TableFeed feed;
  // Ends before the feed does.
  std::unique_ptr<Monitor> monitor;
};

// These four look at sizes, null pointers and numbers. The rest is looked at by the Validate of the
// module's options, which calls the fields by the same names.
FAILOVER_EXPORT fo_result CheckOptions(const fo_monitor_options* options) noexcept;
// `names` gets the names of the shard.
FAILOVER_EXPORT fo_result CheckShard(const fo_buffer& buffer, const fo_monitored_shard& shard,
                                     const std::string& field, fo_buffer::Names* names);
FAILOVER_EXPORT fo_result CheckServer(const fo_monitored_server& server, const std::string& field);
// For a field that another database has.
FAILOVER_EXPORT fo_result CheckUnused(const char* text, const std::string& field);

// The error of a monitor that was not created or not started.
FAILOVER_EXPORT fo_result FailedMonitor(const absl::Status& status) noexcept;

template <typename Server>
void SetServer(const fo_monitored_server& from, Server* server) {
  server->host = OrEmpty(from.host);
  server->unix_socket = OrEmpty(from.unix_socket);
  if (from.port != 0) server->port = static_cast<std::uint16_t>(from.port);
  server->user = OrEmpty(from.user);
  server->password = OrEmpty(from.password);
  server->tls.mode = static_cast<watch::TlsMode>(from.tls);
  server->tls.ca_file = OrEmpty(from.tls_ca_file);
  server->tls.server_name = OrEmpty(from.tls_server_name);
  server->tls.certificate_file = OrEmpty(from.tls_certificate_file);
  server->tls.key_file = OrEmpty(from.tls_key_file);
  // The name becomes the cell, because a PrimaryTable calls servers by one text.
  server->alias.cell = from.name != nullptr   ? std::string(from.name)
                       : server->host.empty() ? server->unix_socket
                                              : absl::StrCat(server->host, ":", server->port);
}

template <typename Options>
void SetIntervals(const fo_monitor_options& from, Options* options) {
  SetTime(from.poll_interval_ms, &options->poll_interval);
  SetTime(from.timeout_ms, &options->timeout);
  SetTime(from.urgent_interval_ms, &options->urgent_interval);
  SetTimeOrNone(from.urgent_duration_ms, &options->urgent_duration);
  SetTime(from.hold_interval_ms, &options->hold_interval);
  if (from.jitter_percent != 0) options->jitter = from.jitter_percent / 100.0;
  if (from.jitter_percent == FO_NONE) options->jitter = 0;
}

// Sets the shards of `options`. `set_rest(from, field, server)` sets the fields of a server that
// only this database has, and returns a fo_result.
template <typename Options, typename SetRest>
fo_result SetShards(const fo_buffer& buffer, const fo_monitor_options& from, SetRest set_rest,
                    Options* options) {
  for (std::size_t i = 0; i < from.shard_count; ++i) {
    const fo_monitored_shard& shard = from.shards[i];
    const std::string shard_field = absl::StrCat("shards[", i, "]");
    fo_buffer::Names names;
    fo_result result = CheckShard(buffer, shard, shard_field, &names);
    if (result != FO_OK) return result;
    auto& watched = options->shards.emplace_back();
    watched.keyspace = std::move(names.keyspace);
    watched.shard = std::move(names.shard);
    for (std::size_t j = 0; j < shard.server_count; ++j) {
      const std::string field = absl::StrCat(shard_field, ".servers[", j, "]");
      result = CheckServer(shard.servers[j], field);
      if (result != FO_OK) return result;
      auto& server = watched.servers.emplace_back();
      SetServer(shard.servers[j], &server);
      result = set_rest(shard.servers[j], field, &server);
      if (result != FO_OK) return result;
    }
  }
  return FO_OK;
}

template <typename Monitor, typename Options, typename SetRest>
fo_result StartMonitor(fo_buffer& buffer, const fo_monitor_options& from, SetRest set_rest,
                       fo_monitor** out) {
  Options options;
  if (const fo_result result = SetShards(buffer, from, set_rest, &options); result != FO_OK) {
    return result;
  }
  SetIntervals(from, &options);
  options.hook = buffer.hook;
  options.log = buffer.log;
  auto made = std::make_unique<RunningMonitor<Monitor>>(*buffer.table);
  auto monitor = Monitor::Create(options, &made->feed);
  if (!monitor.ok()) return FailedMonitor(monitor.status());
  made->monitor = *std::move(monitor);
  if (const absl::Status started = made->monitor->Start(); !started.ok()) {
    return FailedMonitor(started);
  }
  *out = made.release();
  return FO_OK;
}

// The whole of a module's fo_..._monitor_create.
template <typename Monitor, typename Options, typename SetRest>
fo_result CreateMonitor(fo_buffer* buffer, const fo_monitor_options* from, SetRest set_rest,
                        fo_monitor** out, char* error, std::size_t error_size) noexcept {
  if (out != nullptr) *out = nullptr;
  const fo_result result = Guarded([&]() -> fo_result {
    if (out == nullptr) return Invalid("out", "is NULL");
    if (const fo_result wrong = Check(buffer, "buffer"); wrong != FO_OK) return wrong;
    if (const fo_result wrong = CheckOptions(from); wrong != FO_OK) return wrong;
    return StartMonitor<Monitor, Options>(*buffer, *from, set_rest, out);
  });
  CopyText(result, error, error_size);
  return result;
}

}  // namespace failover::c

#endif  // FAILOVER_SRC_C_MONITORS_H_

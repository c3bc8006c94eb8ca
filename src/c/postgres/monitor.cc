// The monitor of PostgreSQL, for programs in C.
#include <string>

#include "c/monitors.h"
#include "failover/c/postgres.h"
#include "failover/postgres/primary_monitor.h"

namespace c = failover::c;

fo_result fo_postgres_monitor_create(fo_buffer* buffer, const fo_monitor_options* options,
                                     fo_monitor** out, char* error, size_t error_size) {
  using failover::postgres::MonitoredServer;
  const auto set_rest = [](const fo_monitored_server& from, const std::string& field,
                           MonitoredServer* server) {
    if (from.database != nullptr) server->database = from.database;
    return c::CheckUnused(from.server_public_key_file, field + ".server_public_key_file");
  };
  return c::CreateMonitor<failover::postgres::PrimaryMonitor,
                          failover::postgres::PrimaryMonitorOptions>(buffer, options, set_rest, out,
                                                                     error, error_size);
}

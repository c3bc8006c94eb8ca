// The monitor of MySQL, for programs in C.
#include <string>

#include "c/monitors.h"
#include "c/text.h"
#include "failover/c/mysql.h"
#include "failover/mysql/primary_monitor.h"

namespace c = failover::c;

fo_result fo_mysql_monitor_create(fo_buffer* buffer, const fo_monitor_options* options,
                                  fo_monitor** out, char* error, size_t error_size) {
  using failover::mysql::MonitoredServer;
  const auto set_rest = [](const fo_monitored_server& from, const std::string& field,
                           MonitoredServer* server) {
    server->server_public_key_file = c::OrEmpty(from.server_public_key_file);
    return c::CheckUnused(from.database, field + ".database");
  };
  return c::CreateMonitor<failover::mysql::PrimaryMonitor, failover::mysql::PrimaryMonitorOptions>(
      buffer, options, set_rest, out, error, error_size);
}

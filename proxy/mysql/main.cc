// The MySQL proxy: makes the parts from the flags, and serves.
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/mysql/primary_monitor.h"
#include "proxy/core/options.h"
#include "proxy/core/program.h"
#include "proxy/core/program_parts.h"
#include "proxy/core/reloadable.h"
#include "proxy/mysql/session/mysql_context.h"
#include "proxy/mysql/session/mysql_options.h"
#include "proxy/mysql/session/mysql_protocol.h"
#include "proxy/mysql/session/primary_greeting.h"
#include "proxy/mysql/session/session_registry.h"
#include "proxy/mysql/session/users.h"

namespace mysql_proxy {
namespace {

using failover::mysql::PrimaryMonitor;
using failover::mysql::PrimaryMonitorOptions;

absl::Status RunProxy(proxy::ProgramParts& parts) {
  const absl::StatusOr<MysqlOptions> options = MysqlOptionsFromFlags(parts.options.monitor);
  if (!options.ok()) return options.status();
  const auto load_users =
      [&, defaults = UserDefaults{{parts.options.backend_user, parts.options.backend_password},
                                  options->client_auth_plugin}](const Users* before) {
        return Users::Load(parts.options.users_file, defaults, before);
      };
  absl::StatusOr<Users> first_users = load_users(nullptr);
  if (!first_users.ok()) return first_users.status();
  proxy::Reloadable<Users> users(*std::move(first_users));
  absl::StatusOr<std::unique_ptr<PrimaryMonitor>> monitor = PrimaryMonitor::Create(
      proxy::MonitorOptionsOf<PrimaryMonitorOptions>(parts,
                                                     [&](failover::mysql::MonitoredServer& server) {
                                                       server.server_public_key_file =
                                                           options->monitor_server_public_key;
                                                     }),
      parts.router.get());
  if (!monitor.ok()) return monitor.status();
  proxy::BackendMonitors monitors;
  monitors.push_back(
      std::make_unique<proxy::BackendMonitorOf<PrimaryMonitor>>(*std::move(monitor)));

  SessionRegistry sessions;
  PrimaryGreeting primary_greeting;
  const MysqlContext context{parts.MakeContext(), *options, users, sessions, primary_greeting};
  const MysqlProtocol protocol(context);
  return proxy::Serve(context, protocol, monitors, parts.history,
                      [&] { return users.Reload(load_users); });
}

}  // namespace
}  // namespace mysql_proxy

int main(int argc, char** argv) {
  return proxy::RunProgram(argc, argv,
                           {"mysql_proxy", mysql_proxy::kFlagsFile, mysql_proxy::UsageText()},
                           mysql_proxy::RunProxy);
}

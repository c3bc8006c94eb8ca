#include "proxy/mysql/session/mysql_options.h"

#include <cstdint>
#include <utility>

#include "absl/flags/flag.h"
#include "proxy/core/options.h"

ABSL_FLAG(
    std::uint64_t, max_packet_size, 16 << 20,
    "The longest command that a client may send, in bytes. The same limit holds for the texts "
    "and the long data of a session's prepared statements together.");
ABSL_FLAG(std::string, server_version, "",
          "The version that the proxy tells its clients. Without one, the version of the primary.");
ABSL_FLAG(
    std::string, monitor_server_public_key, "",
    "The public RSA key of the backends, a file in PEM format. It allows --monitor-user to use "
    "caching_sha2_password or sha256_password without TLS.");

namespace mysql_proxy {
namespace {

using failover::watch::TlsMode;
using proxy::InvalidFlag;

constexpr std::size_t kSmallestLimit = 1024;

}  // namespace

const char* UsageText() {
  return "A MySQL proxy that holds statements while the primary fails over, so that clients do not "
         "notice.\n\n"
         "  failover-mysql-proxy --servers=127.0.0.1:3306,127.0.0.1:3307 --users-file=users \\\n"
         "    --backend-user=app --backend-password-file=password --enable-buffer\n\n"
         "Every backend but the primary must have read_only set. Accounts on the backends must use "
         "mysql_native_password. A hash in --users-file looks as in mysql.user. Behind the "
         "password "
         "a line may have an account on the backends and its password: the sessions of the user "
         "log in with this account, and all others with --backend-user.\n\n"
         "SIGUSR1 prints the state. SIGTERM and SIGINT let statements end, then the proxy exits; a "
         "second signal ends the proxy at once. SIGHUP reads the certificates again. Flags may be "
         "written with dashes or underscores.";
}

absl::StatusOr<MysqlOptions> MysqlOptionsFromFlags(const proxy::MonitorOptions& monitor) {
  MysqlOptions options;
  options.server_version = absl::GetFlag(FLAGS_server_version);
  options.max_packet_size = absl::GetFlag(FLAGS_max_packet_size);
  if (options.max_packet_size < kSmallestLimit) {
    return InvalidFlag("max_packet_size", "must be at least 1024");
  }
  options.monitor_server_public_key = absl::GetFlag(FLAGS_monitor_server_public_key);
  if (monitor.tls.mode != TlsMode::kOff && !options.monitor_server_public_key.empty()) {
    return InvalidFlag("monitor_server_public_key", "needs --monitor_ssl_mode=off");
  }
  absl::Status key =
      proxy::CheckFile("monitor_server_public_key", options.monitor_server_public_key);
  if (!key.ok()) return key;
  return options;
}

}  // namespace mysql_proxy

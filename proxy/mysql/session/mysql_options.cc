#include "proxy/mysql/session/mysql_options.h"

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
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

ABSL_FLAG(std::string, client_auth_plugin, "mysql_native_password",
          "How clients prove a password that --users-file has as it is: mysql_native_password, "
          "caching_sha2_password or client_ed25519. A hash has a method of its own.");
ABSL_FLAG(
    std::string, client_rsa_key, "",
    "The private RSA key of the proxy, a file in PEM format. It allows clients without TLS to log "
    "in with caching_sha2_password if --users-file has a hash of their password only.");
ABSL_FLAG(
    std::string, backend_server_public_key, "",
    "The public RSA key of the backends, a file in PEM format. It allows accounts on the backends "
    "to use caching_sha2_password without --backend-ssl-mode=verify.");

namespace mysql_proxy {
namespace {

using failover::watch::TlsMode;
using proxy::InvalidFlag;

constexpr std::size_t kSmallestLimit = 1024;

// Reads the key in `file`, if there is one.
absl::Status ReadKey(std::string_view flag, const std::string& file,
                     absl::StatusOr<RsaKey> (*parse)(const std::string& pem),
                     std::optional<RsaKey>& key) {
  if (file.empty()) return absl::OkStatus();
  std::ifstream stream(file);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) {
    return InvalidFlag(flag, absl::StrCat("cannot read ", file));
  }
  absl::StatusOr<RsaKey> read = parse(text.str());
  if (!read.ok()) {
    return InvalidFlag(flag, absl::StrCat(file, ": ", std::string(read.status().message())));
  }
  key = *std::move(read);
  return absl::OkStatus();
}

absl::Status ReadAuthentication(MysqlOptions& options) {
  const std::optional<AuthPlugin> plugin = ParseAuthPlugin(absl::GetFlag(FLAGS_client_auth_plugin));
  if (!plugin.has_value()) {
    return InvalidFlag("client_auth_plugin",
                       "must be mysql_native_password, caching_sha2_password or client_ed25519");
  }
  options.client_auth_plugin = *plugin;
  if (absl::Status status = ReadKey("client_rsa_key", absl::GetFlag(FLAGS_client_rsa_key),
                                    &RsaKey::ParsePrivate, options.client_rsa_key);
      !status.ok()) {
    return status;
  }
  return ReadKey("backend_server_public_key", absl::GetFlag(FLAGS_backend_server_public_key),
                 &RsaKey::ParsePublic, options.backend_server_public_key);
}

}  // namespace

const char* UsageText() {
  return "A MySQL proxy that holds statements while the primary fails over, so that clients do not "
         "notice.\n\n"
         "  failover-mysql-proxy --servers=127.0.0.1:3306,127.0.0.1:3307 --users-file=users \\\n"
         "    --backend-user=app --backend-password-file=password --enable-buffer\n\n"
         "Every backend but the primary must have read_only set. Accounts on the backends may use "
         "mysql_native_password, client_ed25519 or caching_sha2_password. A line of --users-file "
         "has a user and the password or its hash. Behind that there may be an account on the "
         "backends and its password: the sessions of the user log in with this account, and all "
         "others with --backend-user.\n\n"
         "SIGUSR1 prints the state. SIGTERM and SIGINT let statements end, then the proxy exits; a "
         "second signal ends the proxy at once. SIGHUP reads the users and the certificates again. "
         "Flags may be written with dashes or underscores.";
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
  if (absl::Status status = ReadAuthentication(options); !status.ok()) return status;
  return options;
}

}  // namespace mysql_proxy

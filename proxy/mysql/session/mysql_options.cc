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
    std::string, monitor_ssl_mode, "off",
    "The TLS of the health checks. off: none; required: encrypted; verify: encrypted, and the "
    "backend proves with a certificate of --monitor-ssl-ca who it is.");
ABSL_FLAG(
    std::string, monitor_ssl_ca, "",
    "The certificates of the authorities that may have signed a backend's certificate, a file in "
    "PEM format. For --monitor-ssl-mode=verify, which needs it.");
ABSL_FLAG(std::string, monitor_ssl_server_name, "",
          "The name that the certificates of the backends must be for. Without one, each "
          "certificate must "
          "be for the host in --servers. For --monitor-ssl-mode=verify.");
ABSL_FLAG(
    std::string, monitor_ssl_cert, "",
    "The certificate that the health checks show to the backends, a file in PEM format. Needs "
    "--monitor-ssl-key.");
ABSL_FLAG(std::string, monitor_ssl_key, "",
          "The private key of --monitor-ssl-cert, a file in PEM format.");
ABSL_FLAG(
    std::string, monitor_server_public_key, "",
    "The public RSA key of the backends, a file in PEM format. It allows --monitor-user to use "
    "caching_sha2_password or sha256_password without TLS.");

namespace mysql_proxy {
namespace {

using failover::mysql::ServerTls;
using failover::mysql::TlsMode;
using proxy::InvalidFlag;

absl::StatusOr<TlsMode> ModeFromFlag() {
  const std::string mode = absl::GetFlag(FLAGS_monitor_ssl_mode);
  if (mode == "off") return TlsMode::kOff;
  if (mode == "required") return TlsMode::kRequired;
  if (mode == "verify") return TlsMode::kVerify;
  return InvalidFlag("monitor_ssl_mode", "must be off, required or verify");
}

absl::Status CheckTls(const ServerTls& tls) {
  const bool verifies = tls.mode == TlsMode::kVerify;
  if (verifies && tls.ca_file.empty()) {
    return InvalidFlag("monitor_ssl_ca", "is needed for --monitor_ssl_mode=verify");
  }
  if (!verifies && !tls.ca_file.empty()) {
    return InvalidFlag("monitor_ssl_ca", "needs --monitor_ssl_mode=verify");
  }
  if (!verifies && !tls.server_name.empty()) {
    return InvalidFlag("monitor_ssl_server_name", "needs --monitor_ssl_mode=verify");
  }
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    return InvalidFlag(tls.key_file.empty() ? "monitor_ssl_key" : "monitor_ssl_cert",
                       "is needed, because the certificate and its key belong together");
  }
  if (tls.mode == TlsMode::kOff && !tls.key_file.empty()) {
    return InvalidFlag("monitor_ssl_cert", "needs --monitor_ssl_mode=required or verify");
  }
  absl::Status status = proxy::CheckFile("monitor_ssl_ca", tls.ca_file);
  if (status.ok()) status = proxy::CheckFile("monitor_ssl_cert", tls.certificate_file);
  if (status.ok()) status = proxy::CheckFile("monitor_ssl_key", tls.key_file);
  return status;
}

absl::StatusOr<ServerTls> TlsFromFlags() {
  const absl::StatusOr<TlsMode> mode = ModeFromFlag();
  if (!mode.ok()) return mode.status();
  ServerTls tls;
  tls.mode = *mode;
  tls.ca_file = absl::GetFlag(FLAGS_monitor_ssl_ca);
  tls.server_name = absl::GetFlag(FLAGS_monitor_ssl_server_name);
  tls.certificate_file = absl::GetFlag(FLAGS_monitor_ssl_cert);
  tls.key_file = absl::GetFlag(FLAGS_monitor_ssl_key);
  if (absl::Status status = CheckTls(tls); !status.ok()) return status;
  return tls;
}

constexpr std::size_t kSmallestLimit = 1024;

}  // namespace

const char* UsageText() {
  return "A MySQL proxy that holds statements while the primary fails over, so that clients do not "
         "notice.\n\n"
         "  failover-mysql-proxy --servers=127.0.0.1:3306,127.0.0.1:3307 --users-file=users \\\n"
         "    --backend-user=app --backend-password-file=password --enable-buffer\n\n"
         "Every backend but the primary must have read_only set. The account --backend-user must "
         "use mysql_native_password. A hash in --users-file looks as in mysql.user.\n\n"
         "SIGUSR1 prints the state. SIGTERM and SIGINT let statements end, then the proxy exits; a "
         "second signal ends the proxy at once. SIGHUP reads the certificates again. Flags may be "
         "written with dashes or underscores.";
}

absl::StatusOr<MysqlOptions> MysqlOptionsFromFlags() {
  MysqlOptions options;
  options.server_version = absl::GetFlag(FLAGS_server_version);
  options.max_packet_size = absl::GetFlag(FLAGS_max_packet_size);
  if (options.max_packet_size < kSmallestLimit) {
    return InvalidFlag("max_packet_size", "must be at least 1024");
  }
  absl::StatusOr<ServerTls> tls = TlsFromFlags();
  if (!tls.ok()) return tls.status();
  options.monitor_tls = *std::move(tls);
  options.monitor_server_public_key = absl::GetFlag(FLAGS_monitor_server_public_key);
  if (options.monitor_tls.mode != TlsMode::kOff && !options.monitor_server_public_key.empty()) {
    return InvalidFlag("monitor_server_public_key", "needs --monitor_ssl_mode=off");
  }
  absl::Status key =
      proxy::CheckFile("monitor_server_public_key", options.monitor_server_public_key);
  if (!key.ok()) return key;
  return options;
}

}  // namespace mysql_proxy

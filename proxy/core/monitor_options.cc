#include "proxy/core/monitor_options.h"

#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "proxy/core/options.h"

ABSL_FLAG(std::string, monitor_user, "",
          "The account of the health checks on the backends. It needs no privilege. Without a name "
          "the health checks use --backend-user.");
ABSL_FLAG(
    std::string, monitor_password_file, "",
    "The file whose first line is the password of --monitor-user. Without a file the password "
    "is empty.");
ABSL_FLAG(absl::Duration, poll_interval, absl::Milliseconds(100),
          "The time between two health checks of a backend.");
ABSL_FLAG(absl::Duration, poll_timeout, absl::Seconds(1),
          "A backend that does not answer a health check for this long is not serving.");
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

namespace proxy {
namespace {

using failover::watch::ServerTls;
using failover::watch::TlsMode;

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
  absl::Status status = CheckFile("monitor_ssl_ca", tls.ca_file);
  if (status.ok()) status = CheckFile("monitor_ssl_cert", tls.certificate_file);
  if (status.ok()) status = CheckFile("monitor_ssl_key", tls.key_file);
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

absl::Status ReadAccount(const std::string& backend_user, const std::string& backend_password,
                         MonitorOptions& options) {
  const std::string file = absl::GetFlag(FLAGS_monitor_password_file);
  options.user = absl::GetFlag(FLAGS_monitor_user);
  if (options.user.empty()) {
    if (!file.empty()) return InvalidFlag("monitor_password_file", "needs --monitor_user");
    options.user = backend_user;
    options.password = backend_password;
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> password = FirstLine("monitor_password_file", file);
  if (!password.ok()) return password.status();
  options.password = *std::move(password);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<MonitorOptions> MonitorOptionsFromFlags(const std::string& backend_user,
                                                       const std::string& backend_password) {
  MonitorOptions options;
  options.poll_interval = absl::GetFlag(FLAGS_poll_interval);
  options.poll_timeout = absl::GetFlag(FLAGS_poll_timeout);
  if (absl::Status status = ReadAccount(backend_user, backend_password, options); !status.ok()) {
    return status;
  }
  absl::StatusOr<ServerTls> tls = TlsFromFlags();
  if (!tls.ok()) return tls.status();
  options.tls = *std::move(tls);
  return options;
}

}  // namespace proxy

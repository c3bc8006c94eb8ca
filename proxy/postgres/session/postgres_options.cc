#include "proxy/postgres/session/postgres_options.h"

#include <cstdint>
#include <utility>

#include "absl/flags/flag.h"
#include "proxy/core/options.h"

ABSL_FLAG(
    std::string, client_auth, "password",
    "How clients prove who they are. password: with SCRAM-SHA-256, or with md5 if --users-file has "
    "an md5 hash; trust: every user of --users-file comes in without a password.");
ABSL_FLAG(
    bool, backend_cleartext, false,
    "Lets the proxy send a password of --users-file in clear text to a backend that asks for it. "
    "Only over TLS.");
ABSL_FLAG(
    bool, repeat_sent, true,
    "Repeats a statement that was sent, if the answer of the backend proves that it was not "
    "executed. Turn this off if statements have effects outside their transaction that their text "
    "does not show, such as triggers or functions that use dblink.");
ABSL_FLAG(
    std::uint64_t, max_message_size, 16 << 20,
    "The longest message of a client that is no COPY data, in bytes. Messages up to the same size "
    "together are kept, so that they can be repeated after a failover.");
ABSL_FLAG(std::string, monitor_database, "postgres",
          "The database that the health checks connect to.");
ABSL_FLAG(
    std::string, monitor_ssl_mode, "off",
    "The TLS of the health checks. off: none; required: encrypted; verify: encrypted, and the "
    "backend proves with a certificate of --monitor-ssl-ca who it is.");
ABSL_FLAG(
    std::string, monitor_ssl_ca, "",
    "The certificates of the authorities that may have signed a backend's certificate, a file in "
    "PEM format. For --monitor-ssl-mode=verify, which needs it.");

namespace postgres_proxy {
namespace {

using failover::postgres::ServerTls;
using failover::postgres::TlsMode;
using proxy::InvalidFlag;

constexpr std::size_t kSmallestLimit = 1024;
// The proxy must be able to take the start-up packet and all that a session keeps of it.
constexpr std::size_t kLargestLimit = std::size_t{1} << 30;

absl::StatusOr<ServerTls> TlsFromFlags() {
  ServerTls tls;
  const std::string mode = absl::GetFlag(FLAGS_monitor_ssl_mode);
  if (mode == "required") {
    tls.mode = TlsMode::kRequired;
  } else if (mode == "verify") {
    tls.mode = TlsMode::kVerify;
  } else if (mode != "off") {
    return InvalidFlag("monitor_ssl_mode", "must be off, required or verify");
  }
  tls.ca_file = absl::GetFlag(FLAGS_monitor_ssl_ca);
  if ((tls.mode == TlsMode::kVerify) == tls.ca_file.empty()) {
    return InvalidFlag("monitor_ssl_ca", "goes together with --monitor_ssl_mode=verify");
  }
  if (absl::Status status = proxy::CheckFile("monitor_ssl_ca", tls.ca_file); !status.ok()) {
    return status;
  }
  return tls;
}

}  // namespace

const char* UsageText() {
  return "A PostgreSQL proxy that holds statements while the primary fails over, so that clients "
         "do not notice.\n\n"
         "  failover-postgres-proxy --servers=127.0.0.1:5432,127.0.0.1:5433 --users-file=users \\\n"
         "    --monitor-user=monitor --monitor-password-file=password --enable-buffer\n\n"
         "Every client logs in to the backends as itself. --users-file has for each user a "
         "password, the SCRAM verifier of pg_authid, or the md5 hash of pg_authid. A verifier must "
         "be the same on the backends. --backend-user is only the account of the health checks, if "
         "there is no --monitor-user.\n\n"
         "SIGUSR1 prints the state. SIGTERM and SIGINT let statements end, then the proxy exits; a "
         "second signal ends the proxy at once. SIGHUP reads the certificates again. Flags may be "
         "written with dashes or underscores.";
}

absl::StatusOr<PostgresOptions> PostgresOptionsFromFlags() {
  PostgresOptions options;
  const std::string method = absl::GetFlag(FLAGS_client_auth);
  if (method == "trust") {
    options.client_authentication = ClientAuthentication::kTrust;
  } else if (method != "password") {
    return InvalidFlag("client_auth", "must be password or trust");
  }
  options.backend_cleartext = absl::GetFlag(FLAGS_backend_cleartext);
  options.repeat_sent = absl::GetFlag(FLAGS_repeat_sent);
  options.max_message_size = absl::GetFlag(FLAGS_max_message_size);
  if (options.max_message_size < kSmallestLimit || options.max_message_size > kLargestLimit) {
    return InvalidFlag("max_message_size", "must be between 1024 and 1073741824");
  }
  options.monitor_database = absl::GetFlag(FLAGS_monitor_database);
  absl::StatusOr<ServerTls> tls = TlsFromFlags();
  if (!tls.ok()) return tls.status();
  options.monitor_tls = *std::move(tls);
  return options;
}

}  // namespace postgres_proxy

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
    absl::Duration, session_look_interval, absl::Seconds(1),
    "A session that has called a function which the proxy does not know is asked, when it is idle, "
    "whether it has advisory locks, temporary objects, cursors WITH HOLD or LISTEN registrations: "
    "at most once in this time. 0 asks never.");

ABSL_FLAG(
    std::vector<std::string>, etcd, {},
    "The endpoints of the etcd in which Patroni keeps the state of the cluster: "
    "https://host:2379,https://host:2379. Then statements are held as soon as Patroni announces a "
    "switchover, before the old primary stops. Without endpoints, the proxy learns of a switchover "
    "when the old primary refuses.");
ABSL_FLAG(std::string, patroni_scope, "",
          "The name of the cluster, `scope` in Patroni's configuration. Needed with --etcd.");
ABSL_FLAG(std::string, patroni_namespace, "/service/",
          "The folder of etcd in which Patroni's clusters lie, `namespace` in its configuration.");
ABSL_FLAG(std::string, etcd_user, "",
          "The account on etcd, which needs to read the keys of the cluster. Without a name the "
          "proxy does not log in.");
ABSL_FLAG(std::string, etcd_password_file, "",
          "The file whose first line is the password of --etcd-user.");
ABSL_FLAG(std::string, etcd_ca, "",
          "The certificates of the authorities that may have signed the certificates of etcd, a "
          "file in PEM format. Without a file, those that the system trusts.");
ABSL_FLAG(std::string, etcd_cert, "",
          "The certificate that the proxy shows to etcd, a file in PEM format. Needs --etcd-key.");
ABSL_FLAG(std::string, etcd_key, "", "The private key of --etcd-cert, a file in PEM format.");

namespace postgres_proxy {
namespace {

using proxy::InvalidFlag;

constexpr std::size_t kSmallestLimit = 1024;
// The proxy must be able to take the start-up packet and all that a session keeps of it.
constexpr std::size_t kLargestLimit = std::size_t{1} << 30;

absl::StatusOr<PatroniOptions> PatroniOptionsFromFlags() {
  PatroniOptions options;
  options.endpoints = absl::GetFlag(FLAGS_etcd);
  options.scope = absl::GetFlag(FLAGS_patroni_scope);
  options.namespace_path = absl::GetFlag(FLAGS_patroni_namespace);
  options.user = absl::GetFlag(FLAGS_etcd_user);
  options.ca_file = absl::GetFlag(FLAGS_etcd_ca);
  options.certificate_file = absl::GetFlag(FLAGS_etcd_cert);
  options.key_file = absl::GetFlag(FLAGS_etcd_key);
  if (options.endpoints.empty() != options.scope.empty()) {
    return options.scope.empty() ? InvalidFlag("patroni_scope", "is needed with --etcd")
                                 : InvalidFlag("etcd", "is needed with --patroni_scope");
  }
  const std::string password_file = absl::GetFlag(FLAGS_etcd_password_file);
  if (options.user.empty() && !password_file.empty()) {
    return InvalidFlag("etcd_password_file", "needs --etcd_user");
  }
  absl::StatusOr<std::string> password = proxy::FirstLine("etcd_password_file", password_file);
  if (!password.ok()) return password.status();
  options.password = *std::move(password);
  return options;
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
         "With --etcd=http://127.0.0.1:2379 and --patroni-scope=batman, statements are held from "
         "the moment at which Patroni announces a switchover.\n\n"
         "SIGUSR1 prints the state. SIGTERM and SIGINT let statements end, then the proxy exits; a "
         "second signal ends the proxy at once. SIGHUP reads the users and the certificates again. "
         "Flags may be written with dashes or underscores.";
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
  const absl::Duration look = absl::GetFlag(FLAGS_session_look_interval);
  if (look < absl::ZeroDuration() || look > absl::Hours(1)) {
    return InvalidFlag("session_look_interval", "must be between 0 and 1h");
  }
  options.look_interval = look == absl::ZeroDuration() ? absl::InfiniteDuration() : look;
  absl::StatusOr<PatroniOptions> patroni = PatroniOptionsFromFlags();
  if (!patroni.ok()) return patroni.status();
  options.patroni = *std::move(patroni);
  return options;
}

}  // namespace postgres_proxy

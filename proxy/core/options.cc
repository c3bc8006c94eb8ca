#include "proxy/core/options.h"

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:6033",
          "The address that clients connect to. Port 0 means any free port.");
ABSL_FLAG(
    std::string, status_listen, "",
    "The address, or the port of loopback, of the status page, which also has /metrics for "
    "Prometheus, and /healthz. Port 0 means any free port. Without an address there is no page.");
ABSL_FLAG(bool, status_remote, false,
          "Lets --status-listen be an address that other machines reach. Whoever reaches the page "
          "may read it: there is no password and no encryption.");
ABSL_FLAG(
    std::string, admin_socket, "",
    "The path of a socket that only the user of the proxy can reach. failoverctl makes planned "
    "switchovers over it. Without a path there is no socket.");
ABSL_FLAG(
    std::string, servers, "",
    "The backends, that is the database servers that may be the primary: host:port,host:port. "
    "Names are looked up once, at the start. Every backend but the primary must be read-only.");
ABSL_FLAG(
    std::string, users_file, "",
    "The file that says who may log in. Each line has one user: the name and the password, or "
    "the password's hash. SIGHUP reads it again.");
ABSL_FLAG(
    std::string, backend_user, "",
    "The proxy's own account on the backends. It serves the health checks if there is no "
    "--monitor-user, and all clients, unless clients log in to the backends as themselves. It must "
    "not be able to write to a backend that is read-only.");
ABSL_FLAG(
    std::string, backend_password_file, "",
    "The file whose first line is the password of --backend-user. Without a file the password "
    "is empty.");
ABSL_FLAG(int, threads, 2, "The number of event loops. Each has one thread.");
ABSL_FLAG(int, max_connections, 10000,
          "The number of clients that are logged in at the same time. Each client needs two file "
          "descriptors.");
ABSL_FLAG(int, max_logins, 10000,
          "The number of clients at the same time that have not logged in. They do not count in "
          "--max-connections. If one more comes, the client goes that has waited longest.");
ABSL_FLAG(
    int, max_user_connections, 0,
    "The number of clients that may be logged in at the same time as the same user. 0: no limit.");
ABSL_FLAG(int, max_backend_logins, 32,
          "The number of connections to backends that the proxy makes at the same time. After a "
          "failover every session needs a new one. Who has waited for --connect-timeout connects "
          "all the same.");
ABSL_FLAG(std::string, keyspace, "main",
          "The keyspace by which the Buffer's flags and log lines name the backends.");
ABSL_FLAG(std::string, shard, "0",
          "The shard by which the Buffer's flags and log lines name the backends.");
ABSL_FLAG(absl::Duration, connect_timeout, absl::Seconds(2),
          "The time that a connection to a backend may take, restoring the session included.");
ABSL_FLAG(absl::Duration, login_timeout, absl::Seconds(10),
          "The time that a client's login may take.");
ABSL_FLAG(
    absl::Duration, silence_limit, absl::Seconds(5),
    "The proxy gives up connections to a backend that has not answered health checks for this "
    "long. The outcome of statements on these connections is unknown.");
ABSL_FLAG(absl::Duration, drain_timeout, absl::Seconds(15),
          "The time that statements and transactions may take to end after SIGTERM.");

namespace proxy {
namespace {

constexpr absl::Duration kLongest = absl::Hours(24);

absl::StatusOr<Address> Resolve(std::string_view flag, std::string_view text) {
  const std::size_t colon = text.rfind(':');
  std::uint32_t port = 0;
  if (colon == std::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(std::string(text.substr(colon + 1)), &port) || port > 0xffff) {
    return InvalidFlag(flag, absl::StrCat("not of the form host:port: '", std::string(text), "'"));
  }
  const std::string host(text.substr(0, colon));
  asio::io_context io;
  std::error_code error;
  const auto found = asio::ip::tcp::resolver(io).resolve(host, "", error);
  if (error || found.empty()) {
    return InvalidFlag(flag, absl::StrCat("cannot look up ", host, ": ", error.message()));
  }
  return Address{found.begin()->endpoint().address().to_string(), static_cast<std::uint16_t>(port),
                 host};
}

absl::StatusOr<std::vector<Address>> ResolveAll(std::string_view flag, const std::string& list) {
  std::vector<Address> addresses;
  const std::vector<std::string> items = absl::StrSplit(list, ',', absl::SkipWhitespace());
  for (const std::string& item : items) {
    absl::StatusOr<Address> address = Resolve(flag, item);
    if (!address.ok()) return address.status();
    addresses.push_back(*std::move(address));
  }
  if (addresses.empty()) return InvalidFlag(flag, "at least one backend is needed");
  return addresses;
}

absl::Status ReadStatusAddress(Options& options) {
  std::string text = absl::GetFlag(FLAGS_status_listen);
  if (text.empty()) return absl::OkStatus();
  if (text.find(':') == std::string::npos) text = "127.0.0.1:" + text;
  absl::StatusOr<Address> address = Resolve("status_listen", text);
  if (!address.ok()) return address.status();
  std::error_code error;
  const asio::ip::address ip = asio::ip::make_address(address->host, error);
  if ((error || !ip.is_loopback()) && !absl::GetFlag(FLAGS_status_remote)) {
    return InvalidFlag("status_listen", absl::StrCat(address->host,
                                                     " is not a loopback address, so the page, "
                                                     "which has no password, needs "
                                                     "--status_remote"));
  }
  options.status_listen = *std::move(address);
  return absl::OkStatus();
}

absl::Status CheckValues(const Options& options) {
  if (options.users_file.empty()) return InvalidFlag("users_file", "is needed");
  if (options.monitor.user.empty()) return InvalidFlag("backend_user", "is needed");
  if (options.threads < 1) return InvalidFlag("threads", "must be at least 1");
  if (options.max_connections < 1) return InvalidFlag("max_connections", "must be at least 1");
  if (options.max_logins < 1) return InvalidFlag("max_logins", "must be at least 1");
  if (options.max_backend_logins < 1) {
    return InvalidFlag("max_backend_logins", "must be at least 1");
  }
  if (options.max_user_connections < 0) {
    return InvalidFlag("max_user_connections", "must not be negative");
  }
  const std::pair<const char*, absl::Duration> durations[] = {
      {"connect_timeout", options.connect_timeout},
      {"login_timeout", options.login_timeout},
      {"silence_limit", options.silence_limit}};
  for (const auto& [flag, duration] : durations) {
    if (duration < absl::Milliseconds(1) || duration > kLongest) {
      return InvalidFlag(flag, "must be between 1ms and 24h");
    }
  }
  if (options.drain_timeout < absl::ZeroDuration() || options.drain_timeout > kLongest) {
    return InvalidFlag("drain_timeout", "must be between 0 and 24h");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status InvalidFlag(std::string_view flag, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--", std::string(flag), ": ", std::string(why)));
}

absl::Status CheckFile(std::string_view flag, const std::string& file) {
  if (file.empty()) return absl::OkStatus();
  std::ifstream stream(file);
  // A folder can be opened, but not read.
  if (stream && stream.peek() != std::ifstream::traits_type::eof()) return absl::OkStatus();
  return InvalidFlag(flag, absl::StrCat("cannot read ", file));
}

absl::StatusOr<std::string> FirstLine(std::string_view flag, const std::string& file) {
  std::string line;
  if (file.empty()) return line;
  std::ifstream stream(file);
  if (!stream) return InvalidFlag(flag, absl::StrCat("cannot read ", file));
  std::getline(stream, line);
  return line;
}

void UnifyFlagNames(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::string_view argument = argv[i];
    if (argument == "--") return;
    if (argument.substr(0, 2) != "--") continue;
    const std::size_t length = std::min(argument.find('='), argument.size());
    std::replace(argv[i] + 2, argv[i] + length, '-', '_');
  }
}

void ConfigureHelp(std::string_view flags_file) {
  absl::FlagsUsageConfig config;
  const auto is_ours = [protocol_flags = std::string(flags_file)](absl::string_view file) {
    return absl::EndsWith(file, protocol_flags) || absl::EndsWith(file, "core/options.cc") ||
           absl::EndsWith(file, "core/tls_options.cc") ||
           absl::EndsWith(file, "core/monitor_options.cc") || absl::EndsWith(file, "api/flags.cc");
  };
  config.contains_help_flags = is_ours;
  config.contains_helpshort_flags = is_ours;
  absl::SetFlagsUsageConfig(config);
}

absl::StatusOr<Options> OptionsFromFlags() {
  Options options;
  absl::StatusOr<Address> listen = Resolve("listen", absl::GetFlag(FLAGS_listen));
  if (!listen.ok()) return listen.status();
  options.listen = *std::move(listen);
  absl::StatusOr<std::vector<Address>> backends =
      ResolveAll("servers", absl::GetFlag(FLAGS_servers));
  if (!backends.ok()) return backends.status();
  options.backends = *std::move(backends);
  absl::StatusOr<std::string> password =
      FirstLine("backend_password_file", absl::GetFlag(FLAGS_backend_password_file));
  if (!password.ok()) return password.status();
  options.backend_password = *std::move(password);

  options.users_file = absl::GetFlag(FLAGS_users_file);
  options.admin_socket = absl::GetFlag(FLAGS_admin_socket);
  options.backend_user = absl::GetFlag(FLAGS_backend_user);
  options.keyspace = absl::GetFlag(FLAGS_keyspace);
  options.shard = absl::GetFlag(FLAGS_shard);
  options.threads = absl::GetFlag(FLAGS_threads);
  options.max_connections = absl::GetFlag(FLAGS_max_connections);
  options.max_logins = absl::GetFlag(FLAGS_max_logins);
  options.max_user_connections = absl::GetFlag(FLAGS_max_user_connections);
  options.max_backend_logins = absl::GetFlag(FLAGS_max_backend_logins);
  options.connect_timeout = absl::GetFlag(FLAGS_connect_timeout);
  options.login_timeout = absl::GetFlag(FLAGS_login_timeout);
  options.silence_limit = absl::GetFlag(FLAGS_silence_limit);
  options.drain_timeout = absl::GetFlag(FLAGS_drain_timeout);
  if (absl::Status status = ReadStatusAddress(options); !status.ok()) return status;
  absl::StatusOr<MonitorOptions> monitor =
      MonitorOptionsFromFlags(options.backend_user, options.backend_password);
  if (!monitor.ok()) return monitor.status();
  options.monitor = *std::move(monitor);
  if (absl::Status status = CheckValues(options); !status.ok()) return status;
  absl::StatusOr<TlsOptions> tls = TlsOptionsFromFlags();
  if (!tls.ok()) return tls.status();
  options.tls = *std::move(tls);
  return options;
}

}  // namespace proxy

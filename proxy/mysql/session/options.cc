#include "proxy/mysql/session/options.h"

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/usage_config.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:6033", "Where clients connect. Port 0: any free one.");
ABSL_FLAG(std::string, servers, "",
          "The servers that may be the primary: host:port,host:port. Names are looked up once, at "
          "the start. All but the primary must be read_only.");
ABSL_FLAG(std::string, users_file, "",
          "Who may log in: one user per line, name and password (or its hash, as in mysql.user).");
ABSL_FLAG(std::string, backend_user, "",
          "The account of the proxy on the servers, for all clients and for the health checks. It "
          "must use mysql_native_password, and must not be able to write to a read-only server.");
ABSL_FLAG(std::string, backend_password_file, "",
          "A file whose first line is the password of --backend-user. Empty: no password.");
ABSL_FLAG(int, threads, 2, "How many event loops, with one thread each.");
ABSL_FLAG(int, max_connections, 10000,
          "How many clients at once. Each needs two file descriptors.");
ABSL_FLAG(std::uint64_t, max_packet_size, 16 << 20,
          "The longest command that a client may send, in bytes; likewise the limit of the texts "
          "and the long data of a session's prepared statements.");
ABSL_FLAG(std::string, keyspace, "main", "How the Buffer's flags and log lines call the servers.");
ABSL_FLAG(std::string, shard, "0", "Likewise.");
ABSL_FLAG(std::string, server_version, "10.11.0-MariaDB-failover-proxy",
          "What clients are told of the server's version.");
ABSL_FLAG(absl::Duration, poll_interval, absl::Milliseconds(100),
          "How often each server is checked.");
ABSL_FLAG(absl::Duration, poll_timeout, absl::Seconds(1),
          "A server that does not answer a check for so long is not serving.");
ABSL_FLAG(absl::Duration, connect_timeout, absl::Seconds(2),
          "How long a connection to a server may take, restoring the session included.");
ABSL_FLAG(absl::Duration, login_timeout, absl::Seconds(10), "How long a client's login may take.");
ABSL_FLAG(absl::Duration, silence_limit, absl::Seconds(5),
          "Connections to a server that has not answered checks for so long are given up; the "
          "outcome of statements on them is unknown.");
ABSL_FLAG(absl::Duration, drain_timeout, absl::Seconds(15),
          "After SIGTERM: how long statements and transactions may take to end.");

namespace mysql_proxy {
namespace {

absl::Status Invalid(std::string_view flag, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--", std::string(flag), ": ", std::string(why)));
}

absl::StatusOr<ServerAddress> Resolve(std::string_view flag, std::string_view text) {
  const std::size_t colon = text.rfind(':');
  std::uint32_t port = 0;
  if (colon == std::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(std::string(text.substr(colon + 1)), &port) || port > 0xffff) {
    return Invalid(flag, absl::StrCat("not of the form host:port: '", std::string(text), "'"));
  }
  const std::string host(text.substr(0, colon));
  asio::io_context io;
  std::error_code error;
  const auto found = asio::ip::tcp::resolver(io).resolve(host, "", error);
  if (error || found.empty()) {
    return Invalid(flag, absl::StrCat("cannot look up ", host, ": ", error.message()));
  }
  return ServerAddress{found.begin()->endpoint().address().to_string(),
                       static_cast<std::uint16_t>(port)};
}

absl::StatusOr<std::vector<ServerAddress>> ResolveAll(std::string_view flag,
                                                      const std::string& list) {
  std::vector<ServerAddress> servers;
  const std::vector<std::string> items = absl::StrSplit(list, ',', absl::SkipWhitespace());
  for (const std::string& item : items) {
    absl::StatusOr<ServerAddress> server = Resolve(flag, item);
    if (!server.ok()) return server.status();
    servers.push_back(*std::move(server));
  }
  if (servers.empty()) return Invalid(flag, "at least one is needed");
  return servers;
}

absl::StatusOr<std::string> FirstLine(std::string_view flag, const std::string& file) {
  std::string line;
  if (file.empty()) return line;
  std::ifstream stream(file);
  if (!stream) return Invalid(flag, absl::StrCat("cannot read ", file));
  std::getline(stream, line);
  return line;
}

absl::Status CheckValues(const Options& options) {
  if (options.users_file.empty()) return Invalid("users_file", "is needed");
  if (options.backend_user.empty()) return Invalid("backend_user", "is needed");
  if (options.threads < 1) return Invalid("threads", "must be at least 1");
  if (options.max_connections < 1) return Invalid("max_connections", "must be at least 1");
  if (options.max_packet_size < 1024) return Invalid("max_packet_size", "must be at least 1024");
  const std::pair<const char*, absl::Duration> durations[] = {
      {"connect_timeout", options.connect_timeout},
      {"login_timeout", options.login_timeout},
      {"silence_limit", options.silence_limit}};
  for (const auto& [flag, duration] : durations) {
    if (duration < absl::Milliseconds(1) || duration > absl::Hours(24)) {
      return Invalid(flag, "must be between 1ms and 24h");
    }
  }
  if (options.drain_timeout < absl::ZeroDuration() || options.drain_timeout > absl::Hours(24)) {
    return Invalid("drain_timeout", "must be between 0 and 24h");
  }
  return absl::OkStatus();
}

}  // namespace

void UnifyFlagNames(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::string_view argument = argv[i];
    if (argument == "--") return;
    if (argument.substr(0, 2) != "--") continue;
    const std::size_t length = std::min(argument.find('='), argument.size());
    std::replace(argv[i] + 2, argv[i] + length, '-', '_');
  }
}

const char* UsageText() {
  return "A MySQL proxy that holds statements while the primary fails over, so that clients do not "
         "notice. An example and a test rig for failover::Buffer, no product.\n\n"
         "  mysql_proxy --servers=127.0.0.1:3306,127.0.0.1:3307 --users-file=users \\\n"
         "    --backend-user=app --backend-password-file=password --enable-buffer\n\n"
         "SIGUSR1 prints the state; SIGTERM and SIGINT let statements end, then exit; a second one "
         "exits at once. Flags may be written with dashes or underscores.";
}

void ConfigureHelp() {
  absl::FlagsUsageConfig config;
  const auto is_ours = [](absl::string_view file) {
    return absl::EndsWith(file, "session/options.cc") || absl::EndsWith(file, "api/flags.cc");
  };
  config.contains_help_flags = is_ours;
  config.contains_helpshort_flags = is_ours;
  absl::SetFlagsUsageConfig(config);
}

absl::StatusOr<Options> OptionsFromFlags() {
  Options options;
  absl::StatusOr<ServerAddress> listen = Resolve("listen", absl::GetFlag(FLAGS_listen));
  if (!listen.ok()) return listen.status();
  options.listen = *std::move(listen);
  absl::StatusOr<std::vector<ServerAddress>> servers =
      ResolveAll("servers", absl::GetFlag(FLAGS_servers));
  if (!servers.ok()) return servers.status();
  options.servers = *std::move(servers);
  absl::StatusOr<std::string> password =
      FirstLine("backend_password_file", absl::GetFlag(FLAGS_backend_password_file));
  if (!password.ok()) return password.status();
  options.backend_password = *std::move(password);

  options.users_file = absl::GetFlag(FLAGS_users_file);
  options.backend_user = absl::GetFlag(FLAGS_backend_user);
  options.keyspace = absl::GetFlag(FLAGS_keyspace);
  options.shard = absl::GetFlag(FLAGS_shard);
  options.server_version = absl::GetFlag(FLAGS_server_version);
  options.threads = absl::GetFlag(FLAGS_threads);
  options.max_connections = absl::GetFlag(FLAGS_max_connections);
  options.max_packet_size = absl::GetFlag(FLAGS_max_packet_size);
  options.poll_interval = absl::GetFlag(FLAGS_poll_interval);
  options.poll_timeout = absl::GetFlag(FLAGS_poll_timeout);
  options.connect_timeout = absl::GetFlag(FLAGS_connect_timeout);
  options.login_timeout = absl::GetFlag(FLAGS_login_timeout);
  options.silence_limit = absl::GetFlag(FLAGS_silence_limit);
  options.drain_timeout = absl::GetFlag(FLAGS_drain_timeout);
  if (absl::Status status = CheckValues(options); !status.ok()) return status;
  return options;
}

}  // namespace mysql_proxy

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "failover/postgres/primary_monitor.h"
#include "watch/validation.h"

namespace failover::postgres {
namespace {

using watch::internal::KnownServers;
using watch::internal::WrongField;

// libpq passes a text on as far as its first zero.
absl::Status ValidateText(const std::string& text, const std::string& field) {
  if (text.find('\0') == std::string::npos) return absl::OkStatus();
  return WrongField(field, "must not contain a zero byte");
}

// libpq takes a list of hosts for several servers.
absl::Status ValidateHost(const std::string& host, const std::string& field) {
  if (host.find(',') != std::string::npos) return WrongField(field, "must be a single host");
  return ValidateText(host, field);
}

// libpq makes the path of a socket from a folder and the number of a port.
absl::Status ValidateSocket(const std::string& path, const std::string& field) {
  constexpr std::string_view kName = "/.s.PGSQL.";
  if (path.empty()) return absl::OkStatus();
  const std::size_t name = path.rfind(kName);
  const std::string port = name == std::string::npos ? "" : path.substr(name + kName.size());
  const bool is_port = !port.empty() && port.size() <= 5 && port[0] != '0' &&
                       port.find_first_not_of("0123456789") == std::string::npos &&
                       std::stoi(port) <= 65535;
  if (path[0] != '/' || name == 0 || !is_port) {
    return WrongField(field, "must be the absolute path of a socket, as in /run/.s.PGSQL.5432");
  }
  if (path.find(',') != std::string::npos) return WrongField(field, "must be a single path");
  return ValidateText(path, field);
}

absl::Status ValidateServer(const MonitoredServer& server, const std::string& field,
                            KnownServers& known) {
  absl::Status status = known.AddAddress(server.host, server.port, server.unix_socket, field);
  if (status.ok()) status = ValidateHost(server.host, field + ".host");
  if (status.ok()) status = ValidateSocket(server.unix_socket, field + ".unix_socket");
  if (!status.ok()) return status;
  if (server.user.empty()) return WrongField(field + ".user", "must not be empty");
  if (server.database.empty()) return WrongField(field + ".database", "must not be empty");
  status = ValidateText(server.user, field + ".user");
  if (status.ok()) status = ValidateText(server.password, field + ".password");
  if (status.ok()) status = ValidateText(server.database, field + ".database");
  if (!status.ok()) return status;
  status = watch::internal::ValidateTls(server.tls, server.unix_socket, field + ".tls");
  if (status.ok()) status = ValidateHost(server.tls.server_name, field + ".tls.server_name");
  return status;
}

}  // namespace

absl::Status PrimaryMonitorOptions::Validate() const {
  return watch::internal::ValidateOptions(*this, ValidateServer);
}

}  // namespace failover::postgres

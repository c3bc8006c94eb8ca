#include <string>

#include "absl/status/status.h"
#include "failover/mysql/primary_monitor.h"
#include "watch/validation.h"

namespace failover::mysql {
namespace {

using watch::internal::KnownServers;
using watch::internal::ValidateFile;
using watch::internal::ValidateTls;
using watch::internal::WrongField;

absl::Status ValidatePublicKey(const MonitoredServer& server, const std::string& field) {
  if (server.server_public_key_file.empty()) return absl::OkStatus();
  // With TLS, and on a socket, the plugins of libmariadb send the password without the key.
  if (server.tls.mode != TlsMode::kOff) {
    return WrongField(field, "must be empty if tls.mode is not kOff");
  }
  if (!server.unix_socket.empty()) return WrongField(field, "must be empty for a unix_socket");
  return ValidateFile(server.server_public_key_file, field);
}

absl::Status ValidateServer(const MonitoredServer& server, const std::string& field,
                            KnownServers& known) {
  absl::Status address = known.AddAddress(server.host, server.port, server.unix_socket, field);
  if (!address.ok()) return address;
  if (server.user.empty()) return WrongField(field + ".user", "must not be empty");
  absl::Status tls = ValidateTls(server.tls, server.unix_socket, field + ".tls");
  if (!tls.ok()) return tls;
  return ValidatePublicKey(server, field + ".server_public_key_file");
}

}  // namespace

absl::Status PrimaryMonitorOptions::Validate() const {
  return watch::internal::ValidateOptions(*this, ValidateServer);
}

}  // namespace failover::mysql

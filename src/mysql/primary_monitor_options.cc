#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "failover/mysql/primary_monitor.h"
#include "watch/validation.h"

namespace failover::mysql {
namespace {

using watch::internal::KnownServers;
using watch::internal::WrongField;

absl::Status ValidateFile(const std::string& file, const std::string& field) {
  if (file.empty()) return absl::OkStatus();
  std::ifstream stream(file);
  // A folder can be opened, but not read.
  if (stream.is_open() && stream.peek() != std::ifstream::traits_type::eof()) {
    return absl::OkStatus();
  }
  return WrongField(field, "is not a file that can be read: " + file);
}

absl::Status ValidateTls(const MonitoredServer& server, const std::string& field) {
  const ServerTls& tls = server.tls;
  const bool verifies = tls.mode == TlsMode::kVerify;
  const bool has_files =
      !tls.ca_file.empty() || !tls.certificate_file.empty() || !tls.key_file.empty();
  if (tls.mode == TlsMode::kOff && (has_files || !tls.server_name.empty())) {
    return WrongField(field + ".mode", "must not be kOff if another field of tls is set");
  }
  if (tls.mode != TlsMode::kOff && !server.unix_socket.empty()) {
    return WrongField(field + ".mode", "must be kOff for a unix_socket");
  }
  if (verifies && tls.ca_file.empty()) {
    return WrongField(field + ".ca_file", "must not be empty for kVerify");
  }
  if (!verifies && !tls.ca_file.empty()) return WrongField(field + ".ca_file", "needs kVerify");
  if (!verifies && !tls.server_name.empty()) {
    return WrongField(field + ".server_name", "needs kVerify");
  }
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    return WrongField(field + ".certificate_file", "and key_file must both be set, or none");
  }
  absl::Status status = ValidateFile(tls.ca_file, field + ".ca_file");
  if (status.ok()) status = ValidateFile(tls.certificate_file, field + ".certificate_file");
  if (status.ok()) status = ValidateFile(tls.key_file, field + ".key_file");
  return status;
}

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
  absl::Status tls = ValidateTls(server, field + ".tls");
  if (!tls.ok()) return tls;
  return ValidatePublicKey(server, field + ".server_public_key_file");
}

}  // namespace

absl::Status PrimaryMonitorOptions::Validate() const {
  absl::Status status = watch::internal::ValidateShards(shards, ValidateServer);
  if (!status.ok()) return status;
  status = watch::internal::ValidatePolling(poll_interval, jitter, timeout);
  if (!status.ok()) return status;
  return watch::internal::ValidateUrgency(urgent_interval, urgent_duration, hold_interval);
}

}  // namespace failover::mysql

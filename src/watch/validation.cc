#include "watch/validation.h"

#include <fstream>

namespace failover::watch::internal {
namespace {

constexpr absl::Duration kShortest = absl::Milliseconds(1);
constexpr absl::Duration kLongest = absl::Hours(1);
// The size of sun_path in Linux's sockaddr_un, without the zero that ends the path.
constexpr std::size_t kLongestSocketPath = 107;

absl::Status ValidateDuration(absl::Duration duration, const std::string& field,
                              absl::Duration shortest = kShortest) {
  if (duration >= shortest && duration <= kLongest) return absl::OkStatus();
  return WrongField(field, absl::StrCat("must be from ", absl::FormatDuration(shortest), " to ",
                                        absl::FormatDuration(kLongest), ", not ",
                                        absl::FormatDuration(duration)));
}

}  // namespace

absl::Status KnownServers::AddAlias(const TabletAlias& alias, const std::string& field) {
  if (alias == TabletAlias{}) return WrongField(field + ".alias", "must not be empty");
  if (!aliases.emplace(alias.cell, alias.uid).second) {
    return WrongField(field + ".alias", "occurs twice in the shard");
  }
  return absl::OkStatus();
}

absl::Status KnownServers::AddAddress(const std::string& host, std::uint16_t port,
                                      const std::string& unix_socket, const std::string& field) {
  if (host.empty() == unix_socket.empty()) {
    return WrongField(field, "must have either a host or a unix_socket");
  }
  if (!host.empty() && port == 0) return WrongField(field + ".port", "must be from 1 to 65535");
  if (unix_socket.size() > kLongestSocketPath) {
    return WrongField(field + ".unix_socket",
                      absl::StrCat("must be at most ", kLongestSocketPath, " bytes long"));
  }
  // The port of a server that is reached by a socket does not matter.
  const std::uint16_t port_that_matters = host.empty() ? std::uint16_t{0} : port;
  if (!addresses.emplace(host, unix_socket, port_that_matters).second) {
    return WrongField(field, "has the address of another server of the shard");
  }
  return absl::OkStatus();
}

absl::Status WrongField(const std::string& field, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(field, " ", what));
}

absl::Status ValidatePolling(absl::Duration poll_interval, double jitter, absl::Duration timeout) {
  absl::Status interval = ValidateDuration(poll_interval, "poll_interval");
  if (!interval.ok()) return interval;
  // The condition is written in this form because it must refuse NaN, too.
  if (!(jitter >= 0.0 && jitter < 1.0)) {
    return WrongField("jitter", absl::StrCat("must be at least 0 and less than 1, not ", jitter));
  }
  return ValidateDuration(timeout, "timeout");
}

absl::Status ValidateUrgency(absl::Duration urgent_interval, absl::Duration urgent_duration,
                             absl::Duration hold_interval) {
  absl::Status status = ValidateDuration(urgent_interval, "urgent_interval");
  if (status.ok()) {
    status = ValidateDuration(urgent_duration, "urgent_duration", absl::ZeroDuration());
  }
  if (status.ok()) status = ValidateDuration(hold_interval, "hold_interval");
  return status;
}

absl::Status ValidateFile(const std::string& file, const std::string& field) {
  if (file.empty()) return absl::OkStatus();
  std::ifstream stream(file);
  // A folder can be opened, but not read.
  if (stream.is_open() && stream.peek() != std::ifstream::traits_type::eof()) {
    return absl::OkStatus();
  }
  return WrongField(field, "is not a file that can be read: " + file);
}

absl::Status ValidateTls(const ServerTls& tls, const std::string& unix_socket,
                         const std::string& field) {
  const bool verifies = tls.mode == TlsMode::kVerify;
  const bool has_files =
      !tls.ca_file.empty() || !tls.certificate_file.empty() || !tls.key_file.empty();
  if (tls.mode == TlsMode::kOff && (has_files || !tls.server_name.empty())) {
    return WrongField(field + ".mode", "must not be kOff if another field of tls is set");
  }
  if (tls.mode != TlsMode::kOff && !unix_socket.empty()) {
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

}  // namespace failover::watch::internal

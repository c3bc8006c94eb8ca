#include "watch/validation.h"

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

}  // namespace failover::watch::internal

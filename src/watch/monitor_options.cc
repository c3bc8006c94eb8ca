#include <string>

#include "absl/status/status.h"
#include "failover/watch/monitor.h"
#include "watch/validation.h"

namespace failover::watch {
namespace {

absl::Status ValidateServer(const WatchedServer& server, const std::string& field,
                            internal::KnownServers& /*known*/) {
  if (server.address.empty()) return internal::WrongField(field + ".address", "must not be empty");
  if (!server.make_probe) return internal::WrongField(field + ".make_probe", "must not be empty");
  return absl::OkStatus();
}

}  // namespace

absl::Status MonitorOptions::Validate() const {
  return internal::ValidateOptions(*this, ValidateServer);
}

}  // namespace failover::watch

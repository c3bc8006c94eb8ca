// In place of patroni.cc, in a build without failover::topology.
#include "absl/status/status.h"
#include "proxy/postgres/patroni.h"

namespace postgres_proxy {

absl::StatusOr<std::unique_ptr<proxy::BackendMonitor>> MakePatroniFeed(const PatroniOptions&,
                                                                       const std::string&,
                                                                       const std::string&,
                                                                       failover::Buffer&) {
  return absl::UnimplementedError(
      "--etcd: this program was built without failover::topology, which needs libcurl and "
      "nlohmann-json");
}

}  // namespace postgres_proxy

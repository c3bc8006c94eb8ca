// The feed that learns from etcd what Patroni is about to do.
#ifndef FAILOVER_PROXY_POSTGRES_PATRONI_H_
#define FAILOVER_PROXY_POSTGRES_PATRONI_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "proxy/core/program.h"
#include "proxy/postgres/session/postgres_options.h"

namespace postgres_proxy {

// Makes a feed that holds the statements of the shard as soon as etcd announces a switchover.
// `buffer` must outlive its Stop. kInvalidArgument names what is wrong. kUnimplemented: this
// program was built without failover::topology.
absl::StatusOr<std::unique_ptr<proxy::BackendMonitor>> MakePatroniFeed(
    const PatroniOptions& options, const std::string& keyspace, const std::string& shard,
    failover::Buffer& buffer);

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_PATRONI_H_

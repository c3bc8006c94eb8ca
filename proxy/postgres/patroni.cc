#include "proxy/postgres/patroni.h"

#include <utility>

#include "failover/topology/patroni_feed.h"
#include "spdlog/spdlog.h"

namespace postgres_proxy {
namespace {

using failover::topology::PatroniFeed;
using failover::topology::PatroniFeedOptions;
using failover::topology::PatroniState;

// Without this line nobody would see that the feed works until the first switchover.
void LogLeader(const PatroniState& state) {
  spdlog::info("Patroni's leader of {} is {}", state.shard.scope,
               state.leader.empty() ? "nobody" : state.leader);
}

}  // namespace

absl::StatusOr<std::unique_ptr<proxy::BackendMonitor>> MakePatroniFeed(
    const PatroniOptions& options, const std::string& keyspace, const std::string& shard,
    failover::Buffer& buffer) {
  PatroniFeedOptions feed_options;
  feed_options.etcd.endpoints = options.endpoints;
  feed_options.etcd.user = options.user;
  feed_options.etcd.password = options.password;
  feed_options.etcd.tls = {options.ca_file, options.certificate_file, options.key_file};
  feed_options.namespace_path = options.namespace_path;
  feed_options.shards.push_back({options.scope, keyspace, shard});
  feed_options.buffer = &buffer;
  feed_options.on_change = [leader = std::string()](const PatroniState& state) mutable {
    if (!state.known || state.leader == leader) return;
    leader = state.leader;
    LogLeader(state);
  };
  absl::StatusOr<std::unique_ptr<PatroniFeed>> feed = PatroniFeed::Create(feed_options);
  if (!feed.ok()) return feed.status();
  return std::make_unique<proxy::BackendMonitorOf<PatroniFeed>>(*std::move(feed));
}

}  // namespace postgres_proxy

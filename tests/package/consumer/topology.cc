// This project uses the feed of a topology service. It exits with 0 if the feed told that etcd does
// not answer.
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>

#include "absl/status/statusor.h"
#include "failover/topology/patroni_feed.h"

int main() {
  std::promise<bool> told;
  std::future<bool> connected = told.get_future();
  failover::topology::PatroniFeedOptions options;
  options.etcd.endpoints = {"http://127.0.0.1:1"};
  options.shards.push_back({"batman", "commerce", "-80"});
  options.on_change = [&told, first = true](const failover::topology::PatroniState& state) mutable {
    if (first) told.set_value(state.connected);
    first = false;
  };
  const absl::StatusOr<std::unique_ptr<failover::topology::PatroniFeed>> feed =
      failover::topology::PatroniFeed::Create(options);
  if (!feed.ok() || !(*feed)->Start().ok()) return 1;
  if (connected.wait_for(std::chrono::seconds(30)) != std::future_status::ready) return 1;
  (*feed)->Stop();
  if (connected.get()) return 1;
  std::puts("the feed told that etcd does not answer");
  return 0;
}

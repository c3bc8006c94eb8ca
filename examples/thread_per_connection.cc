// A router with a thread per connection. Each thread makes the blocking call, through the
// ready-made retry loop.

#include <cstdio>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "failover/buffer.h"
#include "failover/retry.h"
#include "toy_primary.h"

namespace {

// Serves a query of one client. Only queries for the primary that are outside of a transaction may
// come here.
absl::Status ServeQuery(failover::Buffer& buffer, failover::ShardHandle shard,
                        ToyPrimary& primary) {
  failover::RequestContext context;
  context.timeout = absl::Seconds(30);  // the time that is left until the client's own deadline
  return failover::RunWithFailoverRetry(buffer, context, shard,
                                        [&primary] { return primary.Execute(); });
}

}  // namespace

int main() {
  absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer = failover::Buffer::Create({});
  if (!buffer.ok()) return 1;
  const failover::ShardHandle shard = (*buffer)->GetShard("commerce", "-80");
  ToyPrimary primary;
  (*buffer)->StatsUpdate(primary.Report());

  primary.BeginSwitchover();
  constexpr int kClients = 4;
  std::vector<absl::Status> results(kClients);
  std::vector<std::thread> connections;
  for (absl::Status& result : results) {
    connections.emplace_back([&] { result = ServeQuery(**buffer, shard, primary); });
  }
  while ((*buffer)->GetShardStats("commerce", "-80")->requests_held < kClients) {
    std::this_thread::yield();
  }
  primary.EndSwitchover();
  (*buffer)->StatsUpdate(primary.Report());  // a real router reports from its health check

  int succeeded = 0;
  for (int i = 0; i < kClients; ++i) {
    connections[static_cast<std::size_t>(i)].join();
    if (results[static_cast<std::size_t>(i)].ok()) ++succeeded;
  }
  std::printf("%d of %d queries succeeded\n", succeeded, kClients);
  return succeeded == kClients ? 0 : 1;
}

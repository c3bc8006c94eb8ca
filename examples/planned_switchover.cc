// A planned switchover while clients work all the time. The old primary is killed as soon as the
// switchover is quiet, and still no query fails, and none was under way.

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "failover/buffer.h"
#include "failover/retry.h"
#include "failover/switchover.h"

namespace {

// A shard with two servers, of which the current primary takes writes. It stands in for a database.
class ToyShard {
 public:
  absl::Status Execute() {
    ++running_;
    const bool alive = !dead_[primary_];
    --running_;
    // The connection was lost while the statement ran, so nobody knows whether it was executed.
    return alive ? absl::OkStatus() : absl::UnavailableError("lost connection during query");
  }

  int running() const { return running_; }
  void KillPrimary() { dead_[primary_] = true; }
  void PromoteOther() {
    primary_ = 1 - primary_;
    ++term_;
  }

  // What a health check would report.
  failover::TabletStats Report() const {
    failover::TabletStats stats;
    stats.alias = {"zone1", static_cast<std::uint32_t>(100 + primary_)};
    stats.target = {"commerce", "-80", failover::TabletType::kPrimary};
    stats.up = stats.serving = !dead_[primary_];
    stats.tablet_externally_reparented_timestamp = term_;
    return stats;
  }

 private:
  std::atomic<int> running_{0};
  std::atomic<int> primary_{0};
  std::atomic<std::int64_t> term_{1};
  std::atomic<bool> dead_[2] = {false, false};
};

absl::Status SwitchOver(failover::Buffer& buffer, failover::ShardHandle handle, ToyShard& shard) {
  absl::StatusOr<failover::Switchover> switchover = buffer.BeginSwitchover(handle, {});
  if (!switchover.ok()) return switchover.status();
  absl::StatusOr<failover::WorkInFlight> quiet = switchover->WaitUntilQuiet(absl::Seconds(5));
  // If this returns, the destructor calls the switchover off.
  if (!quiet.ok()) return quiet.status();
  std::printf("quiet: %d statements run\n", shard.running());
  if (shard.running() != 0) return absl::InternalError("a statement runs in spite of the quiet");
  shard.KillPrimary();
  shard.PromoteOther();
  buffer.StatsUpdate(shard.Report());  // a real router reports from its health check
  return switchover->Commit();
}

}  // namespace

int main() {
  absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer = failover::Buffer::Create({});
  if (!buffer.ok()) return 1;
  const failover::ShardHandle handle = (*buffer)->GetShard("commerce", "-80");
  ToyShard shard;
  (*buffer)->StatsUpdate(shard.Report());

  std::atomic<bool> stop{false};
  std::atomic<int> queries{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      failover::RequestContext context;
      context.work = failover::Work::kStatement;  // the switchover waits for it
      while (!stop) {
        const absl::Status result = failover::RunWithFailoverRetry(**buffer, context, handle,
                                                                   [&] { return shard.Execute(); });
        ++queries;
        if (!result.ok()) ++failed;
      }
    });
  }
  while (queries < 100) std::this_thread::yield();
  const absl::Status done = SwitchOver(**buffer, handle, shard);
  const int before = queries;
  while (done.ok() && queries < before + 100) std::this_thread::yield();
  stop = true;
  for (std::thread& client : clients) client.join();
  std::printf("switchover: %s; %d of %d queries failed\n", done.ToString().c_str(), failed.load(),
              queries.load());
  return done.ok() && failed == 0 ? 0 : 1;
}

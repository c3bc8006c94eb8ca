// This file holds the threads that tell the Buffer what happens, and the threads that look at it.
#include <cstdint>
#include <string>
#include <utility>

#include "failover/switchover.h"
#include "world.h"

namespace failover::test {
namespace {

// Returns a report of a tablet of any shard. The reports come late, doubled and out of order.
TabletStats AnyReport(Random& random, std::int64_t* newest) {
  TabletStats stats;
  stats.alias = {random.OneIn(2) ? "zone1" : "a zone with a name that does not fit into a string",
                 static_cast<std::uint32_t>(random.Below(3))};
  stats.target = {"ks", ShardName(random.Below(kShards)),
                  random.OneIn(16) ? TabletType::kReplica : TabletType::kPrimary};
  stats.up = !random.OneIn(16);
  stats.serving = !random.OneIn(3);
  const bool reparent = random.OneIn(3);
  if (reparent) ++*newest;
  stats.tablet_externally_reparented_timestamp =
      random.OneIn(8) ? *newest - static_cast<std::int64_t>(random.Below(3)) : *newest;
  return stats;
}

KeyspaceEvent AnyEvent(Random& random) {
  KeyspaceEvent event;
  event.keyspace = "ks";
  event.move_tables_state =
      random.Of<MoveTablesState>({MoveTablesState::kUnknown, MoveTablesState::kUnknown,
                                  MoveTablesState::kSwitching, MoveTablesState::kSwitched});
  for (std::uint64_t i = random.Below(kShards); i < kShards; ++i) {
    ShardEvent shard;
    shard.target = {"ks", ShardName(i), TabletType::kPrimary};
    shard.alias = {"zone1", static_cast<std::uint32_t>(random.Below(3))};
    shard.serving = !random.OneIn(3);
    event.shards.push_back(std::move(shard));
  }
  return event;
}

}  // namespace

void RunHealthFeed(World& world, Random random) {
  std::int64_t newest = 1;
  while (world.GoesOn()) {
    if (random.OneIn(8)) {
      world.buffer.HandleKeyspaceEvent(AnyEvent(random));
    } else {
      world.buffer.StatsUpdate(AnyReport(random, &newest));
    }
  }
}

namespace {

// Begins a planned switchover, waits a while until it is quiet, and ends it somehow.
void SwitchOver(World& world, Random& random, ShardHandle shard) {
  SwitchoverOptions options;
  options.transaction_grace = absl::Microseconds(random.Below(2000));
  options.on_overdue = random.OneIn(2) ? OnOverdue::kAbort : OnOverdue::kProceed;
  options.release =
      random.OneIn(2) ? SwitchoverRelease::kOnNewPrimary : SwitchoverRelease::kOnCommit;
  absl::StatusOr<Switchover> switchover = world.buffer.BeginSwitchover(shard, options);
  if (!switchover.ok()) return;
  const absl::StatusOr<WorkInFlight> left =
      switchover->WaitUntilQuiet(absl::Microseconds(random.Below(2000)));
  if (left.ok() && options.on_overdue == OnOverdue::kAbort) {
    world.ledger.Expect(switchover->progress().quiet, "a quiet switchover is not quiet any more");
  }
  if (random.OneIn(3)) static_cast<void>(switchover->Commit());
}

}  // namespace

void RunOperator(World& world, Random random) {
  while (world.GoesOn()) {
    // The operator sometimes names a shard that nobody has named before.
    const std::uint64_t shard = random.OneIn(16) ? random.Below(100) : random.Below(kShards);
    const ShardHandle handle = world.buffer.GetShard("ks", ShardName(shard));
    if (handle && random.OneIn(4)) {
      SwitchOver(world, random, handle);
    } else if (random.OneIn(3)) {
      world.buffer.StopBuffering(handle);
    } else {
      world.buffer.StartBuffering(handle, "a test");
    }
  }
}

void RunScraper(World& world, Random random) {
  while (world.GoesOn()) {
    if (random.OneIn(2)) {
      const BufferStats stats = world.buffer.Stats();
      world.ledger.Expect(stats.slots_free <= stats.size, "more slots are free than there are");
    }
    world.buffer.ForEachShard([&world](const ShardStats& shard) {
      std::uint64_t evicted = 0;
      for (const std::uint64_t count : shard.requests_evicted) evicted += count;
      world.ledger.Expect(
          shard.requests_buffered == shard.requests_drained + evicted + shard.requests_held,
          "buffered != drained + evicted + held");
    });
    world.buffer.GetShardStats("ks", ShardName(random.Below(kShards)));
  }
}

}  // namespace failover::test

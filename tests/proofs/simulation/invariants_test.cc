// These tests cover the invariants themselves: each invariant finds a history that violates it, and
// no other fault in that history.
#include "invariants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace failover::simulation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Ending kByPrimary{std::nullopt, StopReason::kNewPrimarySeen};
constexpr Ending kByWindow{};

Ending With(BufferErrorReason error) { return {error, std::nullopt}; }

class InvariantsTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kSecond = 1'000'000'000;

  static Config MakeConfig() {
    Config config;
    config.window_ns = 10 * kSecond;
    config.max_failover_duration_ns = 10 * kSecond;
    config.drain_concurrency = config.drain_concurrency_max = 2;
    config.size = 10;
    config.max_bytes = 100;
    return config;
  }

  // Returns the statistics of a Buffer with two shards to which nothing has happened yet.
  static BufferStats Stats() {
    BufferStats stats;
    stats.size = 10;
    stats.slots_free = 10;
    for (std::size_t name = 0; name < 2; ++name) {
      ShardStats shard;
      shard.keyspace = std::string(NameOf(name).keyspace);
      shard.shard = std::string(NameOf(name).shard);
      stats.shards.push_back(shard);
    }
    return stats;
  }

  // Returns the same statistics after a failover of the first shard began and holds a request.
  static BufferStats HoldingStats() {
    BufferStats stats = Stats();
    stats.slots_free = 9;
    stats.shards[0].state = State::kBuffering;
    stats.shards[0].starts = 1;
    stats.shards[0].requests_buffered = 1;
    stats.shards[0].requests_held = 1;
    return stats;
  }

  void Hold(std::uint32_t id, std::int64_t timeout_ns = kForEver, Face face = Face::kCallback) {
    Step step;
    step.kind = StepKind::kRequest;
    step.id = id;
    step.timeout_ns = timeout_ns;
    step.face = face;
    invariants_.Held(step, /*again=*/false, At(0), absl::Seconds(10));
  }

  static absl::Time At(std::int64_t seconds) { return absl::UnixEpoch() + absl::Seconds(seconds); }

  std::vector<std::string> violated_;
  Invariants invariants_{MakeConfig(), [this](std::string what) { violated_.push_back(what); }};
};

TEST_F(InvariantsTest, ALifeWithoutFaultViolatesNone) {
  Hold(1);
  Hold(2, kSecond);
  invariants_.Check(HoldingStats(), nullptr, At(0));
  invariants_.Ended(2, With(BufferErrorReason::kTimeout), At(1));
  invariants_.Polled(At(1));
  invariants_.Ended(1, kByPrimary, At(2));
  invariants_.RetryEnded(1);
  Hold(3);
  invariants_.CancelWon(3);
  invariants_.CancelWon(3);
  invariants_.ShutdownBegins();
  invariants_.ShutdownReturned();
  invariants_.Polled(At(100));
  EXPECT_THAT(violated_, IsEmpty());
}

TEST_F(InvariantsTest, OneOutcome) {
  Hold(1);
  invariants_.Ended(1, kByPrimary, At(1));
  invariants_.Ended(1, kByPrimary, At(1));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("#1 ended twice")));
}

TEST_F(InvariantsTest, NoOutcomeOfWhatWasNeverHeld) {
  invariants_.Ended(7, kByPrimary, At(1));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("#7 ended but was not held")));
}

TEST_F(InvariantsTest, NoOutcomeAfterACancelThatWon) {
  Hold(1);
  invariants_.CancelWon(1);
  invariants_.Ended(1, kByPrimary, At(1));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("after its cancel had won")));
}

TEST_F(InvariantsTest, NoCancelWinsAfterTheOutcome) {
  Hold(1);
  Hold(2);
  invariants_.Ended(1, kByPrimary, At(1));
  invariants_.Ended(2, With(BufferErrorReason::kEvicted), At(1));
  invariants_.CancelWon(1);
  invariants_.CancelWon(2);
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("#1 won, but its wait had ended"),
                                     HasSubstr("#2 won, but its wait had ended")));
}

TEST_F(InvariantsTest, NothingIsHeldPastItsWindow) {
  Hold(1);
  invariants_.Polled(At(9));
  EXPECT_THAT(violated_, IsEmpty());
  invariants_.Polled(At(10));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("held past its window")));
}

TEST_F(InvariantsTest, NothingIsHeldPastItsDeadline) {
  Hold(1, 3 * kSecond);
  invariants_.Polled(At(3));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("held past its window or its deadline")));
}

TEST_F(InvariantsTest, NeitherTheWindowNorTheDeadlineComesEarly) {
  Hold(1);
  Hold(2, 3 * kSecond);
  invariants_.Ended(1, kByWindow, At(9));
  invariants_.Ended(2, With(BufferErrorReason::kTimeout), At(2));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("#1 was released by its window too early"),
                                     HasSubstr("#2 timed out too early")));
}

TEST_F(InvariantsTest, FirstInFirstOut) {
  Hold(1);
  Hold(2);
  invariants_.Polled(At(0));
  invariants_.Ended(2, kByPrimary, At(1));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("#2 was let go before #1")));
}

TEST_F(InvariantsTest, TheOldestIsEvictedFirst) {
  Hold(1);
  Hold(2);
  invariants_.Polled(At(0));
  invariants_.Ended(2, With(BufferErrorReason::kEvicted), At(1));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("#2 was let go before #1")));
}

TEST_F(InvariantsTest, WhoComesBackHasTheOldPlaceAndTheOldWindow) {
  Hold(1);
  Hold(2);
  invariants_.Ended(1, kByPrimary, At(1));
  Step again;
  again.id = 3;
  again.timeout_ns = kForEver;
  again.previous = 1;
  invariants_.Held(again, /*again=*/true, At(5), absl::Seconds(10));
  invariants_.Polled(At(5));
  invariants_.Ended(2, kByPrimary, At(6));
  invariants_.Polled(At(10));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("#2 was let go before #3"),
                                     HasSubstr("#3 is held past its window")));
}

TEST_F(InvariantsTest, AProbeMayOvertake) {
  Hold(1);
  Step probe;
  probe.id = 2;
  probe.timeout_ns = kForEver;
  probe.may_probe = true;
  invariants_.Held(probe, /*again=*/false, At(0), absl::Seconds(10));
  invariants_.Polled(At(0));
  invariants_.Ended(2, kByWindow, At(1));
  EXPECT_THAT(violated_, IsEmpty());
}

TEST_F(InvariantsTest, NoMoreRetriesThanTheDrainMayHave) {
  for (std::uint32_t id = 1; id <= 3; ++id) Hold(id);
  invariants_.Check(Stats(), nullptr, At(0));
  invariants_.Polled(At(1));
  invariants_.Ended(1, kByPrimary, At(1));
  invariants_.Ended(2, kByPrimary, At(1));
  invariants_.Check(Stats(), nullptr, At(1));
  EXPECT_THAT(violated_, IsEmpty());
  invariants_.Ended(3, kByPrimary, At(1));
  invariants_.Check(Stats(), nullptr, At(1));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("3 retries at once")));
}

TEST_F(InvariantsTest, OverdueRetriesCountNoMore) {
  for (std::uint32_t id = 1; id <= 3; ++id) Hold(id);
  invariants_.Check(Stats(), nullptr, At(0));
  invariants_.Polled(At(1));
  for (std::uint32_t id = 1; id <= 3; ++id) invariants_.Ended(id, kByPrimary, At(1));
  invariants_.Check(Stats(), nullptr, At(11));
  EXPECT_THAT(violated_, IsEmpty());
}

TEST_F(InvariantsTest, ShutdownLeavesNothingBehind) {
  Hold(1);
  invariants_.ShutdownBegins();
  invariants_.ShutdownReturned();
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("#1 is held for ever")));
}

TEST_F(InvariantsTest, NothingRunsAfterShutdown) {
  Hold(1);
  Hold(2, kForEver, Face::kBlocking);
  invariants_.ShutdownReturned();
  violated_.clear();
  invariants_.Ended(1, kByPrimary, At(1));
  invariants_.Ended(2, kByPrimary, At(1));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("the callback of #1 ran after Shutdown")));
}

TEST_F(InvariantsTest, NothingIsHeldAfterShutdown) {
  invariants_.ShutdownReturned();
  Hold(1);
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("#1 is held after Shutdown")));
}

TEST_F(InvariantsTest, EverySlotIsSomewhere) {
  BufferStats stats = HoldingStats();
  stats.slots_free = 10;
  invariants_.Check(stats, nullptr, At(0));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("slots free + held + retrying is 11")));
}

TEST_F(InvariantsTest, EveryBufferedRequestIsSomewhere) {
  BufferStats stats = HoldingStats();
  ++stats.shards[0].requests_buffered;
  invariants_.Check(stats, nullptr, At(0));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("buffered 2, but drained + evicted + held is 1")));
}

TEST_F(InvariantsTest, EveryStartHasItsStop) {
  BufferStats stats = HoldingStats();
  ++stats.shards[0].starts;
  invariants_.Check(stats, nullptr, At(0));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("starts and stops do not match")));
}

TEST_F(InvariantsTest, AnIdleShardHoldsNothing) {
  BufferStats stats = HoldingStats();
  stats.shards[0].state = State::kIdle;
  stats.shards[0].starts = 0;
  invariants_.Check(stats, nullptr, At(0));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("is idle but holds requests")));
}

TEST_F(InvariantsTest, NoMoreBytesThanAllowed) {
  BufferStats stats = HoldingStats();
  stats.bytes_held = 101;
  invariants_.Check(stats, nullptr, At(0));
  EXPECT_THAT(violated_, ElementsAre(HasSubstr("101 bytes held, of at most 100")));
}

TEST_F(InvariantsTest, AnEventChangesItsOwnShard) {
  invariants_.Check(Stats(), nullptr, At(0));
  const std::set<std::size_t> first = {0};
  invariants_.Check(HoldingStats(), &first, At(0));
  EXPECT_THAT(violated_, IsEmpty());
}

using Change = std::function<void(ShardStats&)>;

// Returns how often `rule` is violated if `change` happens to the shard in a step about `names`.
std::size_t Violations(const std::string& rule, const Config& config, BufferStats stats,
                       std::size_t shard, const Change& change,
                       const std::set<std::size_t>* names) {
  std::size_t count = 0;
  Invariants invariants(config, [&](const std::string& what) {
    if (what.find(rule) != std::string::npos) ++count;
  });
  invariants.Check(stats, nullptr, absl::UnixEpoch());
  change(stats.shards[shard]);
  invariants.Check(stats, names, absl::UnixEpoch());
  return count;
}

TEST_F(InvariantsTest, AnotherShardsEventChangesNothing) {
  const std::set<std::size_t> second = {1};
  const Change changes[] = {
      [](ShardStats& shard) { shard.state = State::kDraining; },
      [](ShardStats& shard) { ++shard.stops[0], ++shard.starts; },
      [](ShardStats& shard) { --shard.requests_held, ++shard.requests_drained; },
  };
  for (const Change& change : changes) {
    EXPECT_EQ(Violations("was changed by another shard's event", MakeConfig(), HoldingStats(), 0,
                         change, &second),
              1u);
  }
}

TEST_F(InvariantsTest, CountersOnlyGrow) {
  const Change reductions[] = {
      [](ShardStats& shard) { --shard.starts; },
      [](ShardStats& shard) { --shard.stops[1]; },
      [](ShardStats& shard) { shard.failover_duration_sum -= absl::Nanoseconds(1); },
      [](ShardStats& shard) { --shard.utilization_sum; },
      [](ShardStats& shard) { --shard.utilization_dry_run_sum; },
      [](ShardStats& shard) { --shard.requests_buffered; },
      [](ShardStats& shard) { --shard.requests_buffered_dry_run; },
      [](ShardStats& shard) { --shard.requests_drained; },
      [](ShardStats& shard) { --shard.requests_evicted[1]; },
      [](ShardStats& shard) { --shard.requests_skipped[1]; },
      [](ShardStats& shard) { --shard.retries_succeeded; },
      [](ShardStats& shard) { --shard.retries_failed; },
      [](ShardStats& shard) { --shard.retries_overdue; },
      [](ShardStats& shard) { --shard.requests_held_again; },
      [](ShardStats& shard) { --shard.requests_slipped_past; },
      [](ShardStats& shard) { --shard.reports_late; },
  };
  BufferStats stats = Stats();
  ShardStats& shard = stats.shards[1];
  shard.starts = shard.utilization_sum = shard.utilization_dry_run_sum = 5;
  shard.requests_buffered = shard.requests_buffered_dry_run = shard.requests_drained = 5;
  shard.retries_succeeded = shard.retries_failed = shard.retries_overdue = 5;
  shard.requests_held_again = shard.requests_slipped_past = shard.reports_late = 5;
  shard.stops[1] = shard.requests_evicted[1] = shard.requests_skipped[1] = 5;
  shard.failover_duration_sum = absl::Seconds(5);
  std::size_t number = 0;
  for (const Change& reduce : reductions) {
    EXPECT_EQ(Violations("a counter went down", MakeConfig(), stats, 1, reduce, nullptr), 1u)
        << "counter " << number;
    ++number;
  }
}

}  // namespace
}  // namespace failover::simulation

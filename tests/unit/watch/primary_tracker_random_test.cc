// Random failovers meet random checks. A tool that does its work properly (the tool fences off the
// old primary before it promotes a server) moves the primary of a shard around. Servers crash and
// come back at any time. Two things must always hold:
//  - A server that is reported as a serving primary was the primary at the moment when its check
//    looked at it.
//  - When all is quiet, the primary is reported as serving after at most two rounds of checks.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "watch/primary_tracker.h"

namespace failover::watch::internal {
namespace {

constexpr std::size_t kServers = 4;
constexpr int kSteps = 400;

std::vector<PrimaryTracker::Name> Names() {
  std::vector<PrimaryTracker::Name> names;
  for (std::uint32_t i = 0; i < kServers; ++i) names.push_back({{"z", i}, absl::StrCat("db", i)});
  return names;
}

class World {
 public:
  explicit World(std::uint32_t seed) : random_(seed), tracker_("test monitor", "ks", "0", Names()) {
    servers_[0].state = Seen::kWritable;
    for (std::size_t i = 0; i < kServers; ++i) Poll(i);
  }

  void Step() {
    const std::size_t server = Random(kServers);
    switch (Random(8)) {
      case 0:
        return Demote();
      case 1:
        return Promote(server);
      case 2:
        return Restart(server);
      case 3:
        return Repair(server);
      case 4:
        return Crash(server);
      case 5:
        return Start(server);
      case 6:
        return Look(server);
      default:
        return End(server);
    }
  }

  void CalmDown() {
    for (std::size_t i = 0; i < kServers; ++i) End(i);
    for (std::size_t i = 0; i < kServers; ++i) {
      if (i != primary_ || servers_[i].state != Seen::kWritable)
        servers_[i].state = Seen::kReadOnly;
    }
    for (std::size_t i = 0; i < kServers; ++i) Poll(i);
    servers_[primary_].state = Seen::kWritable;
    for (int round = 0; round < 2; ++round) {
      for (std::size_t i = 0; i < kServers; ++i) Poll(i);
    }
    ASSERT_TRUE(serving_.has_value());
    ASSERT_EQ(*serving_, primary_);
  }

  std::size_t failovers() const { return failovers_; }

 private:
  struct Server {
    Seen state = Seen::kReadOnly;
    bool polling = false;
    // What the check that is under way saw when it looked, and whether the server was the primary
    // then.
    std::optional<Seen> looked;
    bool was_primary_then = false;
    // Whether the server was the primary when the last check that has ended looked.
    bool was_primary = false;
    // What the tracker knows about the server.
    Seen known_as = Seen::kUnreachable;
  };

  std::size_t Random(std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_);
  }

  void Demote() {
    servers_[primary_].state = Random(2) == 0 ? Seen::kReadOnly : Seen::kUnreachable;
  }

  void Promote(std::size_t server) {
    const bool fenced = servers_[primary_].state != Seen::kWritable;
    const bool ready = servers_[server].state == Seen::kReadOnly;
    // The tracker recognizes a promotion only if it has seen the replica before.
    if (!fenced || !ready || servers_[server].known_as != Seen::kReadOnly) return;
    if (primary_ != server) ++failovers_;
    primary_ = server;
    servers_[server].state = Seen::kWritable;
  }

  // A former primary may come back and take writes after the tracker has noticed its successor.
  // Before that nobody could tell the two servers apart.
  void Restart(std::size_t server) {
    if (servers_[server].state != Seen::kUnreachable || server == primary_) return;
    const bool noticed = serving_ == primary_;
    const bool was_primary = servers_[server].known_as == Seen::kWritable;
    const bool writable = noticed && was_primary && Random(2) == 0;
    servers_[server].state = writable ? Seen::kWritable : Seen::kReadOnly;
  }

  void Repair(std::size_t server) {
    if (server != primary_ && servers_[server].state == Seen::kWritable) {
      servers_[server].state = Seen::kReadOnly;
    }
  }

  void Crash(std::size_t server) {
    if (server != primary_) servers_[server].state = Seen::kUnreachable;
  }

  void Start(std::size_t server) {
    if (servers_[server].polling) return;
    servers_[server].polling = true;
    servers_[server].looked.reset();
    tracker_.CheckStarted(server);
  }

  void Look(std::size_t server) {
    Server& polled = servers_[server];
    if (!polled.polling || polled.looked.has_value()) return;
    polled.looked = polled.state;
    polled.was_primary_then = server == primary_;
  }

  void End(std::size_t server) {
    Server& polled = servers_[server];
    if (!polled.polling) return;
    Look(server);
    polled.polling = false;
    polled.was_primary = polled.was_primary_then;
    if (*polled.looked != Seen::kUnreachable) polled.known_as = *polled.looked;
    const Findings findings =
        tracker_.CheckEnded(server, Observation{*polled.looked, false, ""}, absl::UnixEpoch());
    for (const TabletStats& stats : findings.reports) Check(stats);
  }

  void Poll(std::size_t server) {
    Start(server);
    End(server);
  }

  void Check(const TabletStats& stats) {
    if (stats.target.tablet_type != TabletType::kPrimary) return;
    if (!stats.serving) {
      serving_.reset();
      return;
    }
    serving_ = stats.alias.uid;
    EXPECT_TRUE(servers_[stats.alias.uid].was_primary);
    EXPECT_GE(stats.tablet_externally_reparented_timestamp, timestamp_);
    timestamp_ = stats.tablet_externally_reparented_timestamp;
  }

  std::mt19937 random_;
  PrimaryTracker tracker_;
  std::array<Server, kServers> servers_;
  std::size_t primary_ = 0;
  // The server that was reported as the serving primary, and the timestamp of that report.
  std::optional<std::size_t> serving_;
  std::int64_t timestamp_ = 0;
  std::size_t failovers_ = 0;
};

TEST(PrimaryTrackerRandomTest, ReportsOnlyThePrimaryAndAlwaysFindsIt) {
  std::size_t failovers = 0;
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    World world(seed);
    for (int step = 0; step < kSteps; ++step) world.Step();
    world.CalmDown();
    failovers += world.failovers();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(failovers, 10'000u) << "too few for the test to mean anything";
}

}  // namespace
}  // namespace failover::watch::internal

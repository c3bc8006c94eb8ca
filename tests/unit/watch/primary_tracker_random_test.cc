// Random failovers meet random checks. A tool that does its work properly (the tool fences off the
// old primary before it promotes a server) moves the primary of a shard around. Servers crash and
// come back at any time. Some servers have a second address, one address moves from server to
// server, addresses are cut off, and checks tell nothing. Two things must always hold:
//  - A server that is reported as a serving primary was the primary at the moment when its check
//    looked at it.
//  - When all is quiet, the primary is reported as serving after at most two rounds of checks.
#include <gtest/gtest.h>

#include <algorithm>
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
// The servers have an address each. The server 1 has another one, and the last address moves.
constexpr std::size_t kAddresses = 6;
constexpr std::size_t kMovingAddress = 5;
constexpr int kSteps = 400;

// What the monitor has to live with, apart from failovers and crashes.
struct Trouble {
  bool several_addresses = false;
  bool blind_checks = false;
};

class World {
 public:
  World(std::uint32_t seed, Trouble trouble)
      : random_(seed),
        trouble_(trouble),
        addresses_(trouble.several_addresses ? kAddresses : kServers),
        tracker_("test monitor", "ks", "0", Names(addresses_.size())) {
    servers_[0].state = Seen::kWritable;
    for (std::size_t i = 0; i < addresses_.size(); ++i) addresses_[i].leads_to = i % kServers;
    if (addresses_.size() > kServers) addresses_[kServers].leads_to = 1;
    PollAll();
  }

  void Step() {
    const std::size_t server = Random(kServers);
    const std::size_t address = Random(addresses_.size());
    switch (Random(10)) {
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
        return Start(address);
      case 6:
        return Look(address);
      case 7:
        return Move(server);
      case 8:
        return Cut(address);
      default:
        return End(address);
    }
  }

  void CalmDown() {
    trouble_.blind_checks = false;
    for (Address& address : addresses_) address.cut = false;
    for (std::size_t i = 0; i < addresses_.size(); ++i) End(i);
    for (std::size_t i = 0; i < kServers; ++i) {
      if (i != primary_ || servers_[i].state != Seen::kWritable)
        servers_[i].state = Seen::kReadOnly;
    }
    PollAll();
    servers_[primary_].state = Seen::kWritable;
    for (int round = 0; round < 2; ++round) PollAll();
    ASSERT_TRUE(serving_.has_value());
    ASSERT_EQ(addresses_[*serving_].leads_to, primary_);
  }

  std::size_t failovers() const { return failovers_; }
  std::size_t moves() const { return moves_; }

 private:
  struct Server {
    Seen state = Seen::kReadOnly;
    // What the tracker knows about the server, and the step when a check told that.
    Seen known_as = Seen::kUnreachable;
    std::size_t known_since = 0;
  };
  struct Address {
    std::size_t leads_to = 0;
    bool cut = false;
    bool polling = false;
    std::size_t began = 0;
    // What the check that is under way saw when it looked, at which server, and whether that server
    // was the primary then.
    std::optional<Seen> looked;
    std::size_t looked_at = 0;
    bool was_primary_then = false;
    // The last check that told something: these say when the check began, which server it looked
    // at, and whether that server was the primary then.
    std::size_t told = 0;
    std::size_t told_about = 0;
    bool was_primary = false;
    // A check of the address has told who is there.
    bool answered = false;
  };

  static std::vector<PrimaryTracker::Name> Names(std::size_t count) {
    std::vector<PrimaryTracker::Name> names;
    for (std::uint32_t i = 0; i < count; ++i) names.push_back({{"z", i}, absl::StrCat("db", i)});
    return names;
  }

  std::size_t Random(std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_);
  }

  bool Noticed() const { return serving_ && addresses_[*serving_].told_about == primary_; }

  // Whether a check is under way that has seen the server read-only.
  bool IsBeingSeenReadOnly(std::size_t server) const {
    return std::any_of(addresses_.begin(), addresses_.end(), [server](const Address& address) {
      return address.polling && address.looked == Seen::kReadOnly && address.looked_at == server;
    });
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
  // Before that nobody could tell the two servers apart. A server that was seen read-only before
  // could not be told from a promoted one.
  void Restart(std::size_t server) {
    if (servers_[server].state != Seen::kUnreachable || server == primary_) return;
    const bool was_primary =
        servers_[server].known_as == Seen::kWritable && !IsBeingSeenReadOnly(server);
    const bool writable = Noticed() && was_primary && Random(2) == 0;
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

  void Move(std::size_t server) {
    if (!trouble_.several_addresses) return;
    Address& moving = addresses_[kMovingAddress];
    // What only the moving address knew of a server is forgotten with the move.
    if (!addresses_[moving.leads_to].answered) return;
    if (moving.leads_to != server) ++moves_;
    moving.leads_to = server;
  }

  void Cut(std::size_t address) {
    if (!trouble_.several_addresses) return;
    addresses_[address].cut = Random(4) == 0;
  }

  void Start(std::size_t address) {
    Address& polled = addresses_[address];
    if (polled.polling) return;
    polled.polling = true;
    polled.looked.reset();
    polled.began = ++step_;
    tracker_.CheckStarted(address, absl::FromUnixSeconds(static_cast<std::int64_t>(step_)));
  }

  void Look(std::size_t address) {
    Address& polled = addresses_[address];
    if (!polled.polling || polled.looked.has_value()) return;
    polled.looked_at = polled.leads_to;
    polled.looked = polled.cut ? Seen::kUnreachable : servers_[polled.leads_to].state;
    polled.was_primary_then = polled.leads_to == primary_;
    constexpr std::array<Seen, 3> kBlind = {Seen::kRefused, Seen::kFull, Seen::kUnknown};
    if (trouble_.blind_checks && Random(4) == 0) polled.looked = kBlind[Random(kBlind.size())];
  }

  void End(std::size_t address) {
    Address& polled = addresses_[address];
    if (!polled.polling) return;
    Look(address);
    polled.polling = false;
    ++step_;
    if (Tells(*polled.looked)) {
      polled.was_primary = polled.was_primary_then;
      polled.told = polled.began;
      polled.told_about = polled.looked_at;
    }
    Server& server = servers_[polled.looked_at];
    const bool tells_the_role =
        *polled.looked == Seen::kReadOnly || *polled.looked == Seen::kWritable;
    polled.answered = polled.answered || tells_the_role;
    if (tells_the_role && polled.began > server.known_since) {
      server.known_as = *polled.looked;
      server.known_since = step_;
    }
    const Observation found{*polled.looked, false, "", absl::StrCat("server ", polled.looked_at)};
    const Findings findings = tracker_.CheckEnded(address, found, absl::UnixEpoch());
    for (const TabletStats& stats : findings.reports) Check(stats);
  }

  void PollAll() {
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
      Start(i);
      End(i);
    }
  }

  void Check(const TabletStats& stats) {
    if (stats.target.tablet_type != TabletType::kPrimary) return;
    EXPECT_GE(stats.tablet_externally_reparented_timestamp, timestamp_);
    timestamp_ = stats.tablet_externally_reparented_timestamp;
    const Address& reported = addresses_[stats.alias.uid];
    EXPECT_GE(stats.observed_at, stamps_[stats.alias.uid]);
    stamps_[stats.alias.uid] = stats.observed_at;
    serving_.reset();
    if (!stats.serving) return;
    serving_ = stats.alias.uid;
    EXPECT_TRUE(reported.was_primary);
    EXPECT_EQ(stats.observed_at, absl::FromUnixSeconds(static_cast<std::int64_t>(reported.told)));
  }

  std::mt19937 random_;
  Trouble trouble_;
  std::vector<Address> addresses_;
  PrimaryTracker tracker_;
  std::array<Server, kServers> servers_;
  std::array<absl::Time, kAddresses> stamps_{};
  std::size_t primary_ = 0;
  // Counts the begins and ends of checks.
  std::size_t step_ = 0;
  // The address that was reported as the serving primary, and the timestamp of that report.
  std::optional<std::size_t> serving_;
  std::int64_t timestamp_ = 0;
  std::size_t failovers_ = 0;
  std::size_t moves_ = 0;
};

class PrimaryTrackerRandomTest : public testing::TestWithParam<Trouble> {};

TEST_P(PrimaryTrackerRandomTest, ReportsOnlyThePrimaryAndAlwaysFindsIt) {
  std::size_t failovers = 0;
  std::size_t moves = 0;
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    World world(seed, GetParam());
    for (int step = 0; step < kSteps; ++step) world.Step();
    world.CalmDown();
    failovers += world.failovers();
    moves += world.moves();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(failovers, 10'000u) << "too few for the test to mean anything";
  EXPECT_EQ(moves > 0, GetParam().several_addresses);
}

INSTANTIATE_TEST_SUITE_P(EachTrouble, PrimaryTrackerRandomTest,
                         testing::Values(Trouble{}, Trouble{false, true}, Trouble{true, false},
                                         Trouble{true, true}),
                         [](const auto& trouble) {
                           return absl::StrCat(
                               trouble.param.several_addresses ? "SeveralAddresses" : "OneAddress",
                               trouble.param.blind_checks ? "BlindChecks" : "");
                         });

}  // namespace
}  // namespace failover::watch::internal

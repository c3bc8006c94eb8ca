// What the tests of the tracker share: a shard of three servers, A, B and C.
#ifndef FAILOVER_TESTS_UNIT_WATCH_PRIMARY_TRACKER_FIXTURE_H_
#define FAILOVER_TESTS_UNIT_WATCH_PRIMARY_TRACKER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "watch/primary_tracker.h"

namespace failover::watch::internal {

inline constexpr std::size_t kA = 0;
inline constexpr std::size_t kB = 1;
inline constexpr std::size_t kC = 2;

inline std::vector<PrimaryTracker::Name> Names(std::size_t count) {
  std::vector<PrimaryTracker::Name> names;
  for (std::size_t i = 0; i < count; ++i) {
    names.push_back({{"zone1", static_cast<std::uint32_t>(i)}, absl::StrCat("db", i, ":3306")});
  }
  return names;
}

// A report in short: the index of the server, its type, "+" if the server serves, "!" if the server
// is not up.
inline std::string Short(const TabletStats& stats) {
  const char* type = "?";
  if (stats.target.tablet_type == TabletType::kPrimary) type = "primary";
  if (stats.target.tablet_type == TabletType::kReplica) type = "replica";
  return absl::StrCat(stats.alias.uid, " ", type, stats.serving ? "+" : "", stats.up ? "" : "!");
}

class PrimaryTrackerTest : public testing::Test {
 protected:
  explicit PrimaryTrackerTest(std::size_t servers = 3)
      : tracker_("test monitor", "commerce", "0", Names(servers)) {}

  // Checks one server. What follows from this check, and nothing older, is in reports_, changes_
  // and log_. Each check begins one second after the check before.
  void Poll(std::size_t server, Observation observation) {
    Begin(server);
    EndPoll(server, std::move(observation));
  }
  void Poll(std::size_t server, Seen seen) { Poll(server, Observation{seen, false, ""}); }
  void Begin(std::size_t server) {
    clock_ += absl::Seconds(1);
    tracker_.CheckStarted(server, clock_);
  }
  void EndPoll(std::size_t server, Observation observation) {
    Findings findings = tracker_.CheckEnded(server, std::move(observation), now_);
    reports_.clear();
    changes_.clear();
    for (const TabletStats& stats : findings.reports) {
      reports_.push_back(Short(stats));
      std::string& before = last_short_[stats.alias.uid];
      if (before != Short(stats)) changes_.push_back(Short(stats));
      before = Short(stats);
      if (stats.target.tablet_type == TabletType::kPrimary) primary_ = stats;
      last_report_ = stats;
      stamps_[stats.alias.uid] = stats.observed_at;
    }
    log_.clear();
    for (const LogLine& line : findings.log) log_.push_back(line.text);
    checks_others_ = findings.check_others;
  }
  void EndPoll(std::size_t server, Seen seen) { EndPoll(server, Observation{seen, false, ""}); }

  // A is the primary, the others are replicas.
  void StartWithA() {
    Poll(kB, Seen::kReadOnly);
    Poll(kC, Seen::kReadOnly);
    Poll(kA, Seen::kWritable);
    ASSERT_THAT(changes_, testing::ElementsAre("0 primary+"));
  }

  std::int64_t timestamp() const { return primary_.tablet_externally_reparented_timestamp; }

  PrimaryTracker tracker_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  // The time on the clock of the stamps when the last check began.
  absl::Time clock_ = absl::FromUnixSeconds(0);
  std::vector<std::string> reports_;
  // The reports that differ from the one before of the same server.
  std::vector<std::string> changes_;
  std::vector<std::string> log_;
  bool checks_others_ = false;
  // The last report of a primary, and of any server.
  TabletStats primary_;
  TabletStats last_report_;
  // The stamp of the last report of each server.
  std::map<std::size_t, absl::Time> stamps_;

 private:
  std::map<std::size_t, std::string> last_short_;
};

}  // namespace failover::watch::internal

#endif  // FAILOVER_TESTS_UNIT_WATCH_PRIMARY_TRACKER_FIXTURE_H_

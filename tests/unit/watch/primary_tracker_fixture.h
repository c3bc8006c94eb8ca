// What the tests of the tracker share: a shard of three servers, A, B and C.
#ifndef FAILOVER_TESTS_UNIT_WATCH_PRIMARY_TRACKER_FIXTURE_H_
#define FAILOVER_TESTS_UNIT_WATCH_PRIMARY_TRACKER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
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

  // Checks one server. What follows from this check, and nothing older, is in reports_ and log_.
  void Poll(std::size_t server, Observation observation) {
    tracker_.CheckStarted(server);
    EndPoll(server, std::move(observation));
  }
  void Poll(std::size_t server, Seen seen) { Poll(server, Observation{seen, false, ""}); }
  void EndPoll(std::size_t server, Observation observation) {
    Findings findings = tracker_.CheckEnded(server, std::move(observation), now_);
    reports_.clear();
    for (const TabletStats& stats : findings.reports) {
      reports_.push_back(Short(stats));
      if (stats.target.tablet_type == TabletType::kPrimary) primary_ = stats;
      last_report_ = stats;
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
    ASSERT_THAT(reports_, testing::ElementsAre("0 primary+"));
  }

  std::int64_t timestamp() const { return primary_.tablet_externally_reparented_timestamp; }

  PrimaryTracker tracker_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  std::vector<std::string> reports_;
  std::vector<std::string> log_;
  bool checks_others_ = false;
  // The last report of a primary, and of any server.
  TabletStats primary_;
  TabletStats last_report_;
};

}  // namespace failover::watch::internal

#endif  // FAILOVER_TESTS_UNIT_WATCH_PRIMARY_TRACKER_FIXTURE_H_

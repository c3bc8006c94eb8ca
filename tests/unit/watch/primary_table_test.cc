// These tests cover who is the primary according to the reports of a feed, and what a listener is
// told.
#include "failover/watch/primary_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/testing/simulated_clock.h"
#include "support/thread_signal.h"

namespace failover::watch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ServerReport Server(const std::string& address, bool writable, std::int64_t term = 0) {
  ServerReport report;
  report.keyspace = "shop";
  report.shard = "0";
  report.address = address;
  report.role = writable ? ServerRole::kPrimary : ServerRole::kReplica;
  report.serving = true;
  report.term = term;
  return report;
}

ServerReport Writable(const std::string& address, std::int64_t term = 0) {
  return Server(address, true, term);
}
ServerReport ReadOnly(const std::string& address) { return Server(address, false); }
ServerReport Lost(const std::string& address) {
  ServerReport report = Server(address, false);
  report.reachable = false;
  report.problem = "no connection";
  return report;
}
ServerReport At(ServerReport report, int seconds) {
  report.observed_at = absl::FromUnixSeconds(seconds);
  return report;
}

// Keeps what it is told, each report in the form "a: primary, serving, term 1".
class Listener final : public HealthCheckStatsListener {
 public:
  void StatsUpdate(const TabletStats& stats) override {
    const bool primary = stats.target.tablet_type == TabletType::kPrimary;
    const bool replica = stats.target.tablet_type == TabletType::kReplica;
    told.push_back(absl::StrCat(
        stats.alias.cell,
        primary   ? ": primary"
        : replica ? ": replica"
                  : ": unknown",
        stats.serving ? ", serving" : "",
        primary ? absl::StrCat(", term ", stats.tablet_externally_reparented_timestamp) : ""));
    last = stats;
    // The function may replace itself.
    const std::function<void()> hook = on_report;
    if (hook) hook();
  }

  std::vector<std::string> Take() {
    std::vector<std::string> taken;
    taken.swap(told);
    return taken;
  }

  std::vector<std::string> told;
  TabletStats last;
  std::function<void()> on_report;
};

class PrimaryTableTest : public ::testing::Test {
 protected:
  void Report(const ServerReport& report) {
    const absl::Status status = table_.Report(report);
    EXPECT_TRUE(status.ok()) << status;
  }
  // Returns "a" if a is the primary and takes writes, "(a)" if it takes none, and "" without a
  // primary.
  std::string Primary() const {
    const std::optional<TablePrimary> primary = table_.PrimaryOf("shop", "0");
    if (!primary.has_value()) return "";
    return primary->writable ? primary->address : "(" + primary->address + ")";
  }
  std::vector<std::string> LinesWith(const std::string& part) const {
    std::vector<std::string> found;
    for (const std::string& line : lines_) {
      if (line.find(part) != std::string::npos) found.push_back(line);
    }
    return found;
  }

  Listener listener_;
  std::vector<std::string> lines_;
  PrimaryTable table_{&listener_, [this](LogLevel level, std::string_view line) {
                        lines_.push_back(std::string(ToString(level)) + ": " + std::string(line));
                      }};
};

// ---- Without terms ------------------------------------------------------------------------------

TEST_F(PrimaryTableTest, NobodyIsKnownAtFirst) {
  EXPECT_EQ(Primary(), "");
  Report(ReadOnly("a"));
  Report(Lost("b"));
  EXPECT_EQ(Primary(), "");
  EXPECT_THAT(listener_.Take(), ElementsAre("a: replica, serving", "b: replica"));
}

TEST_F(PrimaryTableTest, TheFirstThatTakesWritesIsThePrimary) {
  Report(ReadOnly("b"));
  Report(Writable("a"));
  EXPECT_EQ(Primary(), "a");
  EXPECT_THAT(listener_.Take(), ElementsAre("b: replica, serving", "a: primary, serving, term 1"));
  EXPECT_THAT(lines_, ElementsAre("info: primary table, shard shop/0: a is the primary, term 1"));
}

TEST_F(PrimaryTableTest, ThePrimaryIsLostAndComesBack) {
  Report(Writable("a"));
  Report(Lost("a"));
  EXPECT_EQ(Primary(), "(a)");
  Report(Writable("a"));
  EXPECT_EQ(Primary(), "a");
  EXPECT_THAT(listener_.Take(), ElementsAre("a: primary, serving, term 1", "a: primary, term 1",
                                            "a: primary, serving, term 1"));
  EXPECT_EQ(listener_.last.last_error, "");
}

TEST_F(PrimaryTableTest, AnotherReplacesAPrimaryThatIsLost) {
  Report(Writable("a"));
  Report(ReadOnly("b"));
  Report(Lost("a"));
  listener_.Take();
  Report(Writable("b"));
  EXPECT_EQ(Primary(), "b");
  EXPECT_EQ(table_.PrimaryOf("shop", "0")->term, 2);
  // The role of the old primary has changed with the report of the new one, which comes last.
  EXPECT_THAT(listener_.Take(), ElementsAre("a: replica", "b: primary, serving, term 2"));
}

TEST_F(PrimaryTableTest, AServerThatWasNeverReportedBeforeMayReplaceIt) {
  Report(Writable("a"));
  Report(Lost("a"));
  Report(Writable("new"));
  EXPECT_EQ(Primary(), "new");
}

TEST_F(PrimaryTableTest, AnOldPrimaryThatComesBackUnfencedIsNotTrusted) {
  Report(Writable("a"));
  Report(Lost("a"));
  Report(Writable("b"));
  Report(Writable("a"));
  EXPECT_EQ(Primary(), "b") << "the old primary is no rival";
  EXPECT_EQ(listener_.told.back(), "a: unknown");
  Report(Lost("b"));
  EXPECT_EQ(Primary(), "(b)") << "the old primary does not replace the new one";
  EXPECT_EQ(LinesWith("taken for an old primary").size(), 1u);
  Report(ReadOnly("a"));
  EXPECT_EQ(Primary(), "(b)");
  Report(Writable("a"));
  EXPECT_EQ(Primary(), "a") << "it was read-only, so somebody has promoted it";
}

TEST_F(PrimaryTableTest, AnOldPrimaryThatWasSeenReadOnlyMayComeBack) {
  Report(Writable("a"));
  Report(ReadOnly("a"));
  Report(Writable("b"));
  Report(ReadOnly("b"));
  Report(Writable("a"));
  EXPECT_EQ(Primary(), "a");
  EXPECT_EQ(table_.PrimaryOf("shop", "0")->term, 3);
}

TEST_F(PrimaryTableTest, ASwitchoverWhoseNewPrimaryIsReportedFirst) {
  Report(Writable("a"));
  listener_.Take();
  Report(Writable("b"));
  EXPECT_EQ(Primary(), "(a)") << "two take writes";
  EXPECT_THAT(listener_.Take(), ElementsAre("b: unknown", "a: primary, term 1"));
  Report(ReadOnly("a"));
  EXPECT_EQ(Primary(), "b");
  EXPECT_THAT(listener_.Take(), ElementsAre("a: replica, serving", "b: primary, serving, term 2"));
}

TEST_F(PrimaryTableTest, ARivalThatGivesUpLeavesThePrimary) {
  Report(Writable("a"));
  Report(Writable("b"));
  listener_.Take();
  Report(ReadOnly("b"));
  EXPECT_EQ(Primary(), "a");
  EXPECT_THAT(listener_.Take(), ElementsAre("b: replica, serving", "a: primary, serving, term 1"));
  EXPECT_EQ(LinesWith("several servers take writes").size(), 1u);
  EXPECT_EQ(LinesWith("no second server takes writes").size(), 1u);
}

TEST_F(PrimaryTableTest, BugNamelessConflict_TheLineNamesTheServersThatTakeWrites) {
  Report(ReadOnly("replica"));
  Report(Writable("10.0.0.1:3306"));
  Report(Writable("10.0.0.1:33060"));
  const std::vector<std::string> lines = LinesWith("several servers take writes");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], EndsWith(": 10.0.0.1:3306, 10.0.0.1:33060"));
}

TEST_F(PrimaryTableTest, TheLineOfAConflictCutsLongAddresses) {
  Report(Writable("a" + std::string(1000, '\n')));
  Report(Writable("b" + std::string(1000, '\n')));
  const std::vector<std::string> lines = LinesWith("several servers take writes");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], AllOf(HasSubstr("a\\n\\n"), HasSubstr("b\\n\\n")));
  EXPECT_LT(lines[0].size(), 600u);
}

TEST_F(PrimaryTableTest, TwoThatWantToReplaceIt) {
  Report(Writable("a"));
  Report(Writable("b"));
  Report(Writable("c"));
  Report(Lost("a"));
  EXPECT_EQ(Primary(), "(a)");
  Report(ReadOnly("b"));
  EXPECT_EQ(Primary(), "c");
}

TEST_F(PrimaryTableTest, EachShardIsOnItsOwn) {
  Report(Writable("a"));
  ServerReport other = Writable("b");
  other.shard = "1";
  Report(other);
  EXPECT_EQ(Primary(), "a");
  EXPECT_EQ(table_.PrimaryOf("shop", "1")->address, "b");
  EXPECT_FALSE(table_.PrimaryOf("other", "0").has_value());
}

// ---- With terms ---------------------------------------------------------------------------------

TEST_F(PrimaryTableTest, AHigherTermReplacesAPrimaryThatStillTakesWrites) {
  Report(Writable("a", 5));
  Report(Writable("b", 6));
  EXPECT_EQ(Primary(), "b");
  EXPECT_EQ(table_.PrimaryOf("shop", "0")->term, 6);
  Report(Writable("a", 5));
  EXPECT_EQ(Primary(), "b") << "an old term is no rival";
  EXPECT_THAT(listener_.Take(), ElementsAre("a: primary, serving, term 5", "a: unknown",
                                            "b: primary, serving, term 6", "a: unknown"));
}

TEST_F(PrimaryTableTest, ALowerTermNeverReplacesIt) {
  Report(Writable("a", 5));
  Report(Lost("a"));
  Report(Writable("b", 4));
  EXPECT_EQ(Primary(), "(a)");
  EXPECT_THAT(LinesWith("taken for an old primary"),
              ElementsAre(HasSubstr("its term 4 is below 5")));
  Report(Writable("b", 6));
  EXPECT_EQ(Primary(), "b");
}

TEST_F(PrimaryTableTest, AnOldPrimaryWithAHigherTermIsANewOne) {
  Report(Writable("a", 1));
  Report(Lost("a"));
  Report(Writable("b", 2));
  Report(Lost("b"));
  Report(Writable("a", 3));
  EXPECT_EQ(Primary(), "a");
}

TEST_F(PrimaryTableTest, TheSamePrimaryPromotedAnewGetsANewTerm) {
  Report(Writable("a", 1));
  Report(Writable("a", 9));
  EXPECT_THAT(listener_.Take(),
              ElementsAre("a: primary, serving, term 1", "a: primary, serving, term 9"));
}

TEST_F(PrimaryTableTest, AFeedWhoseTermsDoNotGrowIsNamedOnce) {
  for (int round = 0; round < 3; ++round) {
    Report(Writable("a", 1));
    Report(ReadOnly("a"));
    Report(Writable("b", 1));
    Report(ReadOnly("b"));
  }
  EXPECT_THAT(LinesWith("the terms of the feed do not grow"),
              ElementsAre("warning: primary table: the terms of the feed do not grow: b replaces a "
                          "with the term 1, and the highest of before is 1. An old primary that "
                          "comes back cannot be told by its term. Later cases are not logged"));
  // The terms that the listener is told grow all the same.
  EXPECT_EQ(table_.PrimaryOf("shop", "0")->term, 6);
}

TEST_F(PrimaryTableTest, AFeedWhoseTermsGrowIsNotNamed) {
  Report(Writable("a", 1));
  Report(Lost("a"));
  Report(Writable("b", 2));
  EXPECT_THAT(LinesWith("do not grow"), IsEmpty());
}

// ---- Stamps -------------------------------------------------------------------------------------

TEST_F(PrimaryTableTest, AnOvertakenReportIsDropped) {
  Report(At(Writable("a"), 10));
  Report(At(Lost("a"), 12));
  listener_.Take();
  Report(At(Writable("a"), 11));
  EXPECT_EQ(Primary(), "(a)");
  EXPECT_THAT(listener_.Take(), IsEmpty());
}

TEST_F(PrimaryTableTest, BugForgottenStamp_AReportWithoutATimeDoesNotLetOlderOnesIn) {
  Report(At(Writable("a"), 10));
  Report(At(Lost("a"), 12));
  Report(Lost("a"));
  listener_.Take();
  Report(At(Writable("a"), 11));
  EXPECT_EQ(Primary(), "(a)");
  EXPECT_THAT(listener_.Take(), IsEmpty());
}

// The listener of most tables is a Buffer, which may run out of memory.
TEST(PrimaryTableListenerTest, BugMuteTable_AnExceptionOfTheListenerStopsNothing) {
  class Thrower final : public HealthCheckStatsListener {
   public:
    void StatsUpdate(const TabletStats&) override {
      if (++calls == 1) throw std::bad_alloc();
    }
    int calls = 0;
  };
  Thrower listener;
  watch::PrimaryTable table(&listener);
  EXPECT_THROW(static_cast<void>(table.Report(Writable("a"))), std::bad_alloc);
  EXPECT_TRUE(table.Report(Writable("a", 1)).ok());
  EXPECT_EQ(listener.calls, 2);
}

TEST_F(PrimaryTableTest, AReportHasItsOwnStamp) {
  Report(At(Writable("a"), 10));
  EXPECT_EQ(listener_.last.observed_at, absl::FromUnixSeconds(10));
  Report(Writable("a"));
  EXPECT_EQ(listener_.last.observed_at, absl::InfinitePast());
}

// "Does not serve" follows from the report of the rival, and has its time. "Serves" must not be
// later than the moment when the server was asked.
TEST_F(PrimaryTableTest, WhatAnotherReportChangesHasAnHonestStamp) {
  Report(At(Writable("a"), 10));
  Report(At(Writable("b"), 12));
  EXPECT_EQ(listener_.last.alias.cell, "a");
  EXPECT_EQ(listener_.last.observed_at, absl::FromUnixSeconds(12));
  Report(At(ReadOnly("a"), 14));
  EXPECT_EQ(listener_.last.alias.cell, "b");
  EXPECT_TRUE(listener_.last.serving);
  EXPECT_EQ(listener_.last.observed_at, absl::FromUnixSeconds(12));
}

// ---- Input --------------------------------------------------------------------------------------

TEST_F(PrimaryTableTest, BadReportsAreNamed) {
  const auto error = [this](const std::function<void(ServerReport&)>& spoil) {
    ServerReport report = Writable("a");
    spoil(report);
    const absl::Status status = table_.Report(report);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(error([](ServerReport& r) { r.keyspace = ""; }), HasSubstr("keyspace"));
  EXPECT_THAT(error([](ServerReport& r) { r.shard = std::string(257, 's'); }), HasSubstr("shard"));
  EXPECT_THAT(error([](ServerReport& r) { r.address = ""; }), HasSubstr("address"));
  EXPECT_THAT(error([](ServerReport& r) { r.term = -1; }), HasSubstr("term"));
  EXPECT_EQ(Primary(), "");
  EXPECT_THAT(listener_.Take(), IsEmpty());
}

TEST_F(PrimaryTableTest, AnAddressForgesNoLogLine) {
  Report(Writable("a\ninfo: all is well"));
  for (const std::string& line : lines_) EXPECT_EQ(line.find('\n'), std::string::npos) << line;
}

TEST_F(PrimaryTableTest, AnOldPrimaryIsNotTrustedEvenIfItWasForgotten) {
  Report(Writable("old"));
  Report(Lost("old"));
  Report(Writable("a"));
  for (int i = 0; i < 100; ++i) Report(Lost(absl::StrCat("server ", i)));
  EXPECT_EQ(Primary(), "a") << "the primary is never forgotten";
  Report(Lost("a"));
  Report(Writable("old"));
  EXPECT_EQ(Primary(), "(a)");
  Report(ReadOnly("old"));
  Report(Writable("old"));
  EXPECT_EQ(Primary(), "old");
}

TEST(PrimaryTableAloneTest, ItNeedsNoListener) {
  PrimaryTable table(nullptr, [](LogLevel, std::string_view) {});
  EXPECT_TRUE(table.Report(Writable("a")).ok());
  EXPECT_EQ(table.PrimaryOf("shop", "0")->address, "a");
}

// ---- Threads and the Buffer ---------------------------------------------------------------------

TEST_F(PrimaryTableTest, TheTableIsUpToDateBeforeTheListenerIsTold) {
  std::vector<std::string> seen;
  listener_.on_report = [&] { seen.push_back(Primary()); };
  Report(Writable("a"));
  Report(Lost("a"));
  Report(Writable("b"));
  EXPECT_THAT(seen, ElementsAre("a", "(a)", "b", "b"));
}

TEST_F(PrimaryTableTest, BugLogOrder_TheTableLogsBeforeTheListenerIsTold) {
  Report(Writable("a"));
  std::size_t lines_of_b = 0;
  listener_.on_report = [&] { lines_of_b = LinesWith("b is the primary").size(); };
  Report(Lost("a"));
  EXPECT_EQ(lines_of_b, 0u);
  Report(Writable("b"));
  EXPECT_EQ(lines_of_b, 1u);
}

TEST_F(PrimaryTableTest, TheListenerMayReport) {
  listener_.on_report = [this] {
    listener_.on_report = nullptr;
    Report(Lost("a"));
    EXPECT_EQ(listener_.told.size(), 1u) << "the listener is told in order";
  };
  Report(Writable("a"));
  EXPECT_THAT(listener_.Take(), ElementsAre("a: primary, serving, term 1", "a: primary, term 1"));
}

TEST_F(PrimaryTableTest, TheListenerIsToldInOrderByOneThreadAtATime) {
  test::Signal listening;
  test::Signal go_on;
  listener_.on_report = [&] {
    listener_.on_report = nullptr;
    listening.Give();
    EXPECT_TRUE(go_on.Await());
  };
  std::thread first([this] { Report(Writable("a")); });
  ASSERT_TRUE(listening.Await());
  // The thread that tells the listener is busy, so this call leaves the report to it.
  Report(Lost("a"));
  EXPECT_EQ(Primary(), "(a)");
  go_on.Give();
  first.join();
  EXPECT_THAT(listener_.Take(), ElementsAre("a: primary, serving, term 1", "a: primary, term 1"));
}

TEST(PrimaryTableWithABufferTest, AFeedWithoutTermsEndsAHold) {
  SimulatedClock clock;
  BufferOptions options;
  options.threading = Threading::kManual;
  options.clock = &clock;
  options.log = [](LogLevel, std::string_view) {};
  const std::unique_ptr<Buffer> buffer = *Buffer::Create(options);
  PrimaryTable table(buffer.get(), options.log);
  ASSERT_TRUE(table.Report(Writable("a")).ok());
  ASSERT_TRUE(table.Report(Lost("a")).ok());
  std::optional<StopReason> released_by;
  std::string sent_to;
  const absl::StatusOr<BufferedRequest> request =
      buffer->WaitForFailoverEndAsync({}, buffer->GetShard("shop", "0"), absl::OkStatus(),
                                      [&](const absl::StatusOr<RetryDoneFunc>& done) {
                                        released_by = done->released_by();
                                        sent_to = table.PrimaryOf("shop", "0")->address;
                                      });
  ASSERT_TRUE(request.ok() && *request) << "the primary is down, so the request is held";
  buffer->Poll();
  EXPECT_EQ(released_by, std::nullopt);
  ASSERT_TRUE(table.Report(Writable("b")).ok());
  buffer->Poll();
  EXPECT_EQ(released_by, StopReason::kNewPrimarySeen);
  EXPECT_EQ(sent_to, "b");
}

}  // namespace
}  // namespace failover::watch

// Races of a change of the options with a failover, with other changes and with the end.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "failover/switchover.h"
#include "named_races.h"
#include "racing_request.h"
#include "sync_points.h"

namespace failover::test {
namespace {

constexpr std::size_t kMany = 50;

class ReconfigureRacesTest : public NamedRacesTest {
 protected:
  ReconfigureRacesTest() {
    BufferOptions options = ManualOptions();
    options.size = kMany + 10;
    Create(std::move(options));
    Report(1, true, 1);
  }

  void HoldMany() {
    for (RacingRequest& request : requests_) request.Submit(buffer(), shard(), FailoverError());
    EXPECT_EQ(Stats().requests_held, kMany);
  }
  // Ends retry after retry, until each request has got the right to retry.
  void DrainAll() {
    for (std::size_t round = 0; round < kMany; ++round) {
      PollAll();
      for (RacingRequest& request : requests_) request.EndRetry();
    }
    PollAll();
    EXPECT_EQ(Stats().state, State::kIdle);
    EXPECT_EQ(buffer().Stats().slots_free, buffer().Stats().size);
  }
  int Runs() const {
    int runs = 0;
    for (const RacingRequest& request : requests_) runs += request.runs();
    return runs;
  }
  BufferOptions With(const char* list) {
    BufferOptions options = buffer().options();
    options.keyspace_shards = list;
    return options;
  }
  void Reconfigure(const BufferOptions& options) {
    EXPECT_EQ(buffer().Reconfigure(options), absl::OkStatus());
  }
  // Two reloads turn the shard off and on again. Both have put their options in force, and no shard
  // has done yet what follows, when `meanwhile` runs.
  template <typename Meanwhile>
  void TurnOffAndOn(const Meanwhile& meanwhile) {
    StopAt first("reconfigure:adopted");
    Step disable([&] { Reconfigure(With("ks/1")); });
    ASSERT_TRUE(first.Await());
    StopAt second("reconfigure:adopted");
    Step enable([&] { Reconfigure(With("")); });
    ASSERT_TRUE(second.Await());
    meanwhile();
    first.LetGo();
    second.LetGo();
    ASSERT_TRUE(disable.Join());
    ASSERT_TRUE(enable.Join());
  }

  std::array<RacingRequest, kMany> requests_;
};

TEST_F(ReconfigureRacesTest, TheFailoverOfFiftyRequestsEndsInTheMiddleOfAReload) {
  HoldMany();
  BufferOptions options = buffer().options();
  options.window = absl::Seconds(2);
  options.size = 20;
  options.drain_concurrency = 3;
  StopAt adopted("reconfigure:adopted");
  Step reload([&] { Reconfigure(options); });
  ASSERT_TRUE(adopted.Await());
  Report(2, true, 2);
  PollAll();
  EXPECT_EQ(Runs(), 3) << "the drain begins by the new options";
  adopted.LetGo();
  ASSERT_TRUE(reload.Join());
  EXPECT_EQ(Stats().requests_held, kMany - 3) << "nobody is evicted, nobody is released early";
  DrainAll();
  EXPECT_EQ(Runs(), static_cast<int>(kMany));
  EXPECT_EQ(Stats().requests_drained, kMany);
}

TEST_F(ReconfigureRacesTest, AReloadThatDisablesTheShardMeetsTheEndOfItsFailover) {
  HoldMany();
  StopAt adopted("reconfigure:adopted");
  Step reload([&] { Reconfigure(With("ks/1")); });
  ASSERT_TRUE(adopted.Await());
  EXPECT_TRUE(Request().passed()) << "the shard is disabled already";
  Report(2, true, 2);
  adopted.LetGo();
  ASSERT_TRUE(reload.Join());
  DrainAll();
  EXPECT_EQ(Runs(), static_cast<int>(kMany));
  EXPECT_EQ(At(Stats().stops, StopReason::kNewPrimarySeen), 1u);
  EXPECT_EQ(At(Stats().stops, StopReason::kManual), 0u);
}

TEST_F(ReconfigureRacesTest, AReportThatThePrimaryIsDownMeetsAReloadThatDisablesTheShard) {
  HoldMany();
  StopAt before_lock("report:before-lock");
  Step report([&] { Report(1, false, 1); });
  ASSERT_TRUE(before_lock.Await());
  Reconfigure(With("ks/1"));
  before_lock.LetGo();
  ASSERT_TRUE(report.Join());
  DrainAll();
  EXPECT_EQ(Runs(), static_cast<int>(kMany)) << "the drain does not wait for a primary";
}

TEST_F(ReconfigureRacesTest, ARequestThatReadTheGateBeforeItsShardWasDisabledPasses) {
  RacingRequest request;
  StopAt before_lock("submit:before-lock");
  Step submit([&] { request.Submit(buffer(), shard(), FailoverError()); });
  ASSERT_TRUE(before_lock.Await());
  Reconfigure(With("ks/1"));
  before_lock.LetGo();
  ASSERT_TRUE(submit.Join());
  request.ExpectOneOutcome("the request");
  EXPECT_EQ(request.runs(), 0);
  EXPECT_EQ(At(Stats().requests_skipped, SkippedReason::kDisabled), 1u);
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(ReconfigureRacesTest, ARequestThatWasOnItsWayHasTheNewWindow) {
  HoldMany();
  RacingRequest late;
  StopAt before_lock("submit:before-lock");
  Step submit([&] { late.Submit(buffer(), shard(), FailoverError()); });
  ASSERT_TRUE(before_lock.Await());
  BufferOptions options = buffer().options();
  options.window = absl::Seconds(2);
  Reconfigure(options);
  before_lock.LetGo();
  ASSERT_TRUE(submit.Join());
  Advance(absl::Seconds(2));
  EXPECT_EQ(late.runs(), 1);
  EXPECT_EQ(Runs(), 0) << "the others keep their window";
  late.EndRetry();
  EndFailover();
  DrainAll();
}

TEST_F(ReconfigureRacesTest, ARetryEndsWhileItsShardIsDisabled) {
  RacingRequest first;
  first.Submit(buffer(), shard(), FailoverError());
  RacingRequest second;
  second.Submit(buffer(), shard(), FailoverError());
  EndFailover();
  ASSERT_EQ(first.runs(), 1);
  StopAt before_lock("retry-end:before-lock");
  Step end([&] { first.EndRetry(); });
  ASSERT_TRUE(before_lock.Await());
  Reconfigure(With("ks/1"));
  before_lock.LetGo();
  ASSERT_TRUE(end.Join());
  PollAll();
  EXPECT_EQ(second.runs(), 1);
  second.EndRetry();
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(ReconfigureRacesTest, TheLaterOfTwoReloadsCounts) {
  HoldMany();
  StopAt adopted("reconfigure:adopted");
  Step reload([&] { Reconfigure(With("ks/1")); });
  ASSERT_TRUE(adopted.Await());
  Reconfigure(With(""));
  adopted.LetGo();
  ASSERT_TRUE(reload.Join());
  PollAll();
  EXPECT_EQ(Runs(), 0) << "the shard buffers again, so nothing is drained";
  EXPECT_EQ(buffer().options().keyspace_shards, "");
  EXPECT_TRUE(Request().held());
  EndFailover();
  DrainAll();
}

// The first reload has let statements pass that the switchover had to hold.
TEST_F(ReconfigureRacesTest, BugMissedStatements_ASwitchoverDoesNotSurviveTwoReloads) {
  absl::StatusOr<Switchover> switchover = buffer().BeginSwitchover(shard(), {});
  ASSERT_TRUE(switchover.ok() && switchover->progress().quiet);
  RacingRequest held;
  held.Submit(buffer(), shard(), absl::OkStatus());
  StopAt adopted("reconfigure:adopted");
  Step reload([&] { Reconfigure(With("ks/1")); });
  ASSERT_TRUE(adopted.Await());
  EXPECT_TRUE(Request().passed());
  EXPECT_FALSE(switchover->progress().quiet);
  Reconfigure(With(""));
  EXPECT_EQ(switchover->progress().end, SwitchoverEnd::kAborted);
  PollAll();
  EXPECT_EQ(held.runs(), 1);
  held.EndRetry();
  adopted.LetGo();
  ASSERT_TRUE(reload.Join());
  EXPECT_EQ(Stats().state, State::kIdle);
  EXPECT_TRUE(absl::IsAborted(switchover->Commit()));
}

TEST_F(ReconfigureRacesTest, BugMissedStatements_NobodyIsToldThatSuchASwitchoverIsQuiet) {
  absl::StatusOr<Switchover> switchover = buffer().BeginSwitchover(shard(), {});
  ASSERT_TRUE(switchover.ok() && switchover->progress().quiet);
  TurnOffAndOn([&] {
    EXPECT_FALSE(switchover->progress().quiet);
    EXPECT_FALSE(switchover->WaitUntilQuiet(absl::ZeroDuration()).ok());
    EXPECT_TRUE(absl::IsAborted(switchover->Commit()));
  });
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(ReconfigureRacesTest, BugMissedStatements_TheNextEventEndsTheSwitchover) {
  absl::StatusOr<Switchover> switchover = buffer().BeginSwitchover(shard(), {});
  ASSERT_TRUE(switchover.ok());
  StopAt adopted("reconfigure:adopted");
  Step disable([&] { Reconfigure(With("ks/1")); });
  ASSERT_TRUE(adopted.Await());
  Report(2, true, 2);
  EXPECT_EQ(switchover->progress().end, SwitchoverEnd::kAborted) << "no success for the operator";
  adopted.LetGo();
  ASSERT_TRUE(disable.Join());
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(ReconfigureRacesTest, AnAbortedSwitchoverLeavesNothingForAReloadToEnd) {
  absl::StatusOr<Switchover> switchover = buffer().BeginSwitchover(shard(), {});
  ASSERT_TRUE(switchover.ok());
  TurnOffAndOn([&] {
    EXPECT_TRUE(switchover->Abort());
    EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  });
  EXPECT_EQ(Stats().state, State::kBuffering);
}

TEST_F(ReconfigureRacesTest, AShardThatBecomesKnownInTheMiddleOfAReloadFollowsTheNewOptions) {
  StopAt make_known("make-known:before-lock");
  ShardHandle made;
  Step get([&] { made = Shard("2"); });
  ASSERT_TRUE(make_known.Await());
  StopAt adopted("reconfigure:adopted");
  Step reload([&] { Reconfigure(With("ks/1")); });
  ASSERT_TRUE(adopted.Await());
  make_known.LetGo();
  ASSERT_TRUE(get.Join());
  adopted.LetGo();
  ASSERT_TRUE(reload.Join());
  EXPECT_TRUE(FailOn(made).passed());
  EXPECT_EQ(At(Stats("2").requests_skipped, SkippedReason::kDisabled), 1u);
  EXPECT_TRUE(FailOn(Shard("1")).held());
}

TEST_F(ReconfigureRacesTest, AShutdownInTheMiddleOfAReloadReleasesEverybody) {
  HoldMany();
  StopAt adopted("reconfigure:adopted");
  Step reload([&] { Reconfigure(With("ks/1")); });
  ASSERT_TRUE(adopted.Await());
  buffer().Shutdown();
  EXPECT_EQ(Runs(), static_cast<int>(kMany));
  adopted.LetGo();
  ASSERT_TRUE(reload.Join());
  EXPECT_EQ(Stats().state, State::kIdle);
}

TEST_F(ReconfigureRacesTest, AReloadAfterTheShardsWereClosedChangesNothing) {
  HoldMany();
  StopAt retire("shutdown:before-retire");
  Step shutdown([&] { buffer().Shutdown(); });
  ASSERT_TRUE(retire.Await());
  EXPECT_TRUE(absl::IsFailedPrecondition(buffer().Reconfigure(With("ks/1"))));
  retire.LetGo();
  ASSERT_TRUE(shutdown.Join());
}

// The requests that a reload lets go may be the last, and then their thread may end the Buffer.
TEST_F(ReconfigureRacesTest, ARequestThatAReloadReleasesMayDestroyTheBuffer) {
  std::unique_ptr<Buffer> mine = Make(ManualOptions());
  const ShardHandle handle = mine->GetShard("ks", "0");
  RacingRequest request;
  request.Submit(*mine, handle, FailoverError());
  BufferOptions options = mine->options();
  options.keyspace_shards = "ks/1";
  StopAt after_lock("reconfigure:after-lock");
  Step reload([&] { EXPECT_EQ(mine->Reconfigure(options), absl::OkStatus()); });
  ASSERT_TRUE(after_lock.Await());
  mine->Poll();
  EXPECT_EQ(request.runs(), 1);
  request.EndRetry();
  Step destroy([&] { delete std::exchange(mine, nullptr).release(); });
  ASSERT_TRUE(destroy.EndsOrStands());
  EXPECT_FALSE(destroy.ended()) << "the destructor waits for the reload";
  after_lock.LetGo();
  ASSERT_TRUE(reload.Join());
  ASSERT_TRUE(destroy.Join());
}

}  // namespace
}  // namespace failover::test

// Failovers that went wrong elsewhere. Each test is named after the public report that it came
// from: the repository and the number of the report.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "case_test.h"

namespace failover::test {
namespace {

// ---- Terms
// ---------------------------------------------------------------------------------------

// Two failovers in one second give two primaries one term. The shard is well afterwards, so it must
// not be held a minute later.
class SameTerm : public CaseTest,
                 public ::testing::WithParamInterface<std::vector<std::int64_t>> {};

TEST_P(SameTerm, TheHealthyShardIsNotHeldLater) {
  const std::vector<std::int64_t>& terms = GetParam();
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const auto uid = static_cast<std::uint32_t>(i + 1);
    if (i > 0) Hear(uid - 1, false, terms[i - 1]);
    Hear(uid, true, terms[i]);
  }
  const auto last = static_cast<std::uint32_t>(terms.size());
  for (int second = 0; second < 180; ++second) {
    Hear(last, true, terms.back());
    ASSERT_FALSE(Send().held()) << "after " << second << " s of a primary that serves";
    Advance(absl::Seconds(1));
  }
  Hear(last, false, terms.back());
  EXPECT_TRUE(Send().held()) << "the last one is the primary that is missed";
}

INSTANTIATE_TEST_SUITE_P(Terms, SameTerm,
                         ::testing::Values(std::vector<std::int64_t>{100, 101, 101},
                                           std::vector<std::int64_t>{100, 100},
                                           std::vector<std::int64_t>{0, 0, 0},
                                           std::vector<std::int64_t>{7, 7, 7, 7, 7},
                                           std::vector<std::int64_t>{-3, -3},
                                           std::vector<std::int64_t>{100, 101, 101, 102, 102}));

// ---- The guard between failovers
// -----------------------------------------------------------------

// openark/orchestrator#410, valkey-io/valkey#782: the new primary dies shortly after its promotion.
// The health check knows it, and knows the next one 3 s later.
struct SecondDeath {
  bool up;
  bool stamped;
  bool failed;
  std::int64_t second_term;
};

class Orchestrator410 : public CaseTest, public ::testing::WithParamInterface<SecondDeath> {
 protected:
  void Tell(std::uint32_t uid, bool serving, std::int64_t term) {
    TabletStats stats = PrimaryReport(uid, serving, term);
    stats.up = serving || GetParam().up;
    if (GetParam().stamped) stats.observed_at = clock_.Now();
    buffer().StatsUpdate(stats);
    PollAll();
  }
};

TEST_P(Orchestrator410, TheNewPrimaryDiesToo) {
  Tell(1, true, 100);
  Tell(1, false, 100);
  CaseRequest& first = Send();
  Advance(absl::Seconds(2));
  Tell(2, true, GetParam().second_term);
  ASSERT_TRUE(first.retries());
  for (std::uint32_t next = 3; next < 6; ++next) {
    Pass(absl::Seconds(10), absl::Seconds(1));
    Tell(next - 1, false, GetParam().second_term);
    CaseRequest& request = GetParam().failed ? SendRefused() : Send();
    EXPECT_TRUE(request.held()) << "the primary is known to be down, and the client sees the error";
    Advance(absl::Seconds(3));
    Tell(next, true, GetParam().second_term);
    EXPECT_TRUE(request.retries());
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, Orchestrator410,
                         ::testing::Values(SecondDeath{false, false, false, 200},
                                           SecondDeath{true, false, false, 200},
                                           SecondDeath{false, true, true, 200},
                                           SecondDeath{true, true, false, 100},
                                           SecondDeath{true, false, true, 100}));

// ---- A blip
// --------------------------------------------------------------------------------------

// openark/orchestrator#1457: a request was let go by its window, retried, and succeeded. That
// proves that the primary takes writes, whatever the health check says or does not say.
class Orchestrator1457 : public CaseTest, public ::testing::WithParamInterface<int> {};

TEST_P(Orchestrator1457, ARetryThatSucceedsEndsIt) {
  retries_end = std::nullopt;
  const bool has_feed = (GetParam() & 1) != 0;
  const bool is_down = (GetParam() & 2) != 0;
  const bool may_probe = (GetParam() & 4) != 0;
  if (has_feed) Hear(1, true, 100);
  if (is_down) Hear(1, false, 100);
  CaseRequest& request = SendRefused(may_probe ? Returning() : RequestContext());
  CaseRequest& other = Send();
  Pass(absl::Seconds(10), absl::Milliseconds(100));
  ASSERT_TRUE(request.retries());
  ASSERT_FALSE(request.token->released_by().has_value());
  EndRetry(request, Attempt::kSucceeded);
  EXPECT_TRUE(other.retries());
  EXPECT_FALSE(Send().held());
  EXPECT_EQ(Stops(StopReason::kRetrySucceeded), 1u);
}

INSTANTIATE_TEST_SUITE_P(Variants, Orchestrator1457, ::testing::Range(0, 8));

// ---- A primary that stays read-only
// --------------------------------------------------------------

// percona/orchestrator#43, and "disk full prevention" of a cloud provider: the primary is read-only
// for an hour, and nobody takes over. Holding cannot help. The clients must not be stalled again
// and again.
struct LongReadOnly {
  const char* name;
  bool has_feed;
  bool says_serving;
  bool may_probe;
  bool tells;
  absl::Duration most;
};

class PerconaOrchestrator43 : public CaseTest,
                              public ::testing::WithParamInterface<LongReadOnly> {};

TEST_P(PerconaOrchestrator43, ClientsAreNotStalledAgainAndAgain) {
  const LongReadOnly& row = GetParam();
  const RequestContext context = row.may_probe ? Returning() : RequestContext();
  retries_end = row.tells ? Attempt::kRefused : Attempt::kNone;
  if (row.has_feed) Hear(1, true, 100);
  SendRefused(context);
  if (row.has_feed) Hear(1, row.says_serving, 100);
  Pass(absl::Seconds(25), absl::Milliseconds(100));
  absl::Duration held;
  for (int second = 0; second < 3600; ++second) {
    if (SendRefused(context).held()) held += absl::Seconds(1);
    if (row.has_feed) Hear(1, row.says_serving, 100);
    Advance(absl::Seconds(1));
  }
  EXPECT_LE(held, row.most) << "of one hour in which no failover was to be expected";
}

INSTANTIATE_TEST_SUITE_P(
    Variants, PerconaOrchestrator43,
    ::testing::Values(
        LongReadOnly{"AFeed", true, false, false, true, absl::Seconds(60)},
        LongReadOnly{"AFeedAndProbes", true, false, true, true, absl::Seconds(60)},
        LongReadOnly{"AFeedAndNobodyTells", true, false, false, false, absl::Seconds(60)},
        LongReadOnly{"NoFeed", false, false, false, true, absl::Seconds(1220)},
        LongReadOnly{"NoFeedAndProbes", false, false, true, true, absl::Seconds(1220)},
        LongReadOnly{"NoFeedAndNobodyTells", false, false, false, false, absl::Seconds(1220)},
        LongReadOnly{"AFeedThatIsWrong", true, true, false, true, absl::Seconds(1220)},
        LongReadOnly{"AFeedThatIsWrongAndProbes", true, true, true, true, absl::Seconds(1220)}),
    [](const ::testing::TestParamInfo<LongReadOnly>& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace failover::test

// These tests cover BufferOptions::Validate: each rule at its bound, and which rule reports first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "failover/buffer.h"

namespace failover {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string ErrorOf(const BufferOptions& options) {
  const absl::Status status = options.Validate();
  if (status.ok()) return "";
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(BufferOptionsTest, TheDefaultsAreThoseOfVtgateAndValid) {
  const BufferOptions options;
  EXPECT_TRUE(options.enabled);
  EXPECT_FALSE(options.dry_run);
  EXPECT_EQ(options.window, absl::Seconds(10));
  EXPECT_EQ(options.size, 1000);
  EXPECT_EQ(options.max_failover_duration, absl::Seconds(20));
  EXPECT_EQ(options.min_time_between_failovers, absl::Minutes(1));
  EXPECT_EQ(options.drain_concurrency, 1);
  EXPECT_EQ(options.keyspace_shards, "");
  EXPECT_EQ(options.max_bytes, 0u);
  EXPECT_EQ(options.max_shards, 65536);
  EXPECT_EQ(options.drain_concurrency_max, 32);
  EXPECT_FALSE(options.max_retry_time.has_value());
  EXPECT_EQ(options.suspicion, absl::Seconds(1));
  EXPECT_EQ(options.probe_after, absl::Seconds(1));
  EXPECT_EQ(options.unstamped_report_delay, absl::Seconds(3));
  EXPECT_EQ(options.down_confirmation, absl::ZeroDuration());
  EXPECT_EQ(options.max_per_shard, 0);
  EXPECT_FALSE(options.shutdown_grace.has_value());
  EXPECT_EQ(options.threading, Threading::kServiceThread);
  EXPECT_TRUE(options.Validate().ok());
}

TEST(BufferOptionsTest, Copyable) {
  BufferOptions options;
  options.keyspace_shards = "ks";
  const BufferOptions copy = options;
  EXPECT_EQ(copy.keyspace_shards, "ks");
}

TEST(BufferOptionsTest, CreateRefusesWhatDoesNotValidate) {
  BufferOptions options;
  options.size = 0;
  const absl::StatusOr<std::unique_ptr<Buffer>> buffer = Buffer::Create(options);
  EXPECT_EQ(buffer.status(), options.Validate());
  EXPECT_EQ(buffer.status().code(), absl::StatusCode::kInvalidArgument);
}

// ---- The rules in the order in which they are checked ------------------------------------------

TEST(BufferOptionsTest, TheWindowHasAtLeastASecond) {
  BufferOptions options;
  options.window = absl::Seconds(1);
  EXPECT_EQ(ErrorOf(options), "");
  options.window = absl::Milliseconds(999);
  EXPECT_THAT(ErrorOf(options), AllOf(HasSubstr("-buffer_window"), HasSubstr("must be >= 1s"),
                                      HasSubstr("(specified value: 999ms)")));
}

TEST(BufferOptionsTest, TheWindowIsNeitherNegativeNorInfinite) {
  for (const absl::Duration window : {absl::ZeroDuration(), absl::Seconds(-10),
                                      absl::InfiniteDuration(), -absl::InfiniteDuration()}) {
    BufferOptions options;
    options.window = window;
    options.max_failover_duration = absl::InfiniteDuration();
    EXPECT_THAT(ErrorOf(options), HasSubstr("-buffer_window")) << window;
  }
}

TEST(BufferOptionsTest, TheWindowIsAtMostTheLongestFailover) {
  BufferOptions options;
  options.window = absl::Seconds(20);
  EXPECT_EQ(ErrorOf(options), "");
  options.window = absl::Seconds(21);
  EXPECT_THAT(ErrorOf(options),
              AllOf(HasSubstr("-buffer_window"), HasSubstr("must be <= "),
                    HasSubstr("-buffer_max_failover_duration"), HasSubstr(": 21s vs. 20s")));
}

TEST(BufferOptionsTest, TheLongestFailoverIsFinite) {
  BufferOptions options;
  options.max_failover_duration = absl::InfiniteDuration();
  options.min_time_between_failovers = absl::InfiniteDuration();
  EXPECT_THAT(ErrorOf(options), HasSubstr("-buffer_max_failover_duration"));
}

TEST(BufferOptionsTest, TheSizeIsAtLeastOne) {
  BufferOptions options;
  options.size = 1;
  EXPECT_EQ(ErrorOf(options), "");
  for (const std::int64_t size : {std::int64_t{0}, std::numeric_limits<std::int64_t>::min()}) {
    options.size = size;
    EXPECT_THAT(ErrorOf(options),
                AllOf(HasSubstr("-buffer_size"), HasSubstr("must be >= 1 (specified value: ")));
  }
}

TEST(BufferOptionsTest, TheTimeBetweenFailoversIsAtLeastTwiceTheLongest) {
  BufferOptions options;
  options.min_time_between_failovers = absl::Seconds(40);
  EXPECT_EQ(ErrorOf(options), "");
  options.min_time_between_failovers = absl::Seconds(40) - absl::Nanoseconds(1);
  EXPECT_THAT(ErrorOf(options),
              AllOf(HasSubstr("-buffer_min_time_between_failovers"),
                    HasSubstr("should be at least twice the length of"),
                    HasSubstr("-buffer_max_failover_duration"), HasSubstr(" vs. 20s")));
}

TEST(BufferOptionsTest, TheTimeBetweenFailoversIsFiniteAndNotNegative) {
  for (const absl::Duration time : {absl::InfiniteDuration(), -absl::InfiniteDuration(),
                                    absl::Seconds(-60), absl::ZeroDuration()}) {
    BufferOptions options;
    options.min_time_between_failovers = time;
    EXPECT_THAT(ErrorOf(options), HasSubstr("-buffer_min_time_between_failovers")) << time;
  }
}

TEST(BufferOptionsTest, TheDrainConcurrencyIsAtLeastOne) {
  BufferOptions options;
  options.drain_concurrency = 0;
  EXPECT_THAT(ErrorOf(options), AllOf(HasSubstr("-buffer_drain_concurrency"),
                                      HasSubstr("must be >= 1 (specified value: 0)")));
}

TEST(BufferOptionsTest, AListRequiresEnabled) {
  BufferOptions options;
  options.enabled = false;
  options.keyspace_shards = "ks1,ks2/0";
  EXPECT_THAT(ErrorOf(options),
              AllOf(HasSubstr("-buffer_keyspace_shards=ks1,ks2/0"), HasSubstr("also requires that"),
                    HasSubstr("-enable_buffer")));
  options.dry_run = true;
  EXPECT_THAT(ErrorOf(options), HasSubstr("also requires that"));
}

TEST(BufferOptionsTest, EnabledAndDryRunNeedAList) {
  BufferOptions options;
  options.dry_run = true;
  EXPECT_THAT(ErrorOf(options), HasSubstr("To avoid ambiguity"));
  options.keyspace_shards = "ks";
  EXPECT_EQ(ErrorOf(options), "");
}

TEST(BufferOptionsTest, AListOfBlanksIsNone) {
  BufferOptions options;
  options.dry_run = true;
  options.keyspace_shards = "  ";
  EXPECT_THAT(ErrorOf(options), HasSubstr("To avoid ambiguity"));
  options.enabled = false;
  EXPECT_EQ(ErrorOf(options), "");
}

TEST(BufferOptionsTest, DryRunAloneIsValid) {
  BufferOptions options;
  options.enabled = false;
  options.dry_run = true;
  EXPECT_EQ(ErrorOf(options), "");
}

TEST(BufferOptionsTest, TheListMustParse) {
  BufferOptions options;
  options.keyspace_shards = "ks1//0";
  EXPECT_THAT(ErrorOf(options), HasSubstr("invalid shard path"));
}

TEST(BufferOptionsTest, AKeyspaceIsNotListedAloneAndWithAShard) {
  BufferOptions options;
  options.keyspace_shards = "ks1/0,ks1";
  EXPECT_THAT(ErrorOf(options), AllOf(HasSubstr("has overlapping entries"), HasSubstr("'ks1'"),
                                      HasSubstr("'ks1/0'")));
}

TEST(BufferOptionsTest, MaxShardsIsAtLeastOne) {
  BufferOptions options;
  options.max_shards = 0;
  EXPECT_THAT(ErrorOf(options), AllOf(HasSubstr("max_shards"), HasSubstr("must be >= 1")));
}

TEST(BufferOptionsTest, TheShutdownGraceIsFiniteAndNotNegative) {
  BufferOptions options;
  options.shutdown_grace = absl::ZeroDuration();
  EXPECT_EQ(ErrorOf(options), "");
  for (const absl::Duration grace :
       {absl::Nanoseconds(-1), absl::InfiniteDuration(), -absl::InfiniteDuration()}) {
    options.shutdown_grace = grace;
    EXPECT_THAT(ErrorOf(options), HasSubstr("shutdown_grace")) << grace;
  }
}

TEST(BufferOptionsTest, TheHighestDrainConcurrencyIsAtLeastOneAndMayBeLowerThanTheLowest) {
  BufferOptions options;
  options.drain_concurrency_max = 0;
  EXPECT_EQ(
      ErrorOf(options),
      "drain_concurrency_max (--buffer_drain_concurrency_max) must be >= 1 (specified value: 0)");
  options.drain_concurrency_max = 1;
  options.drain_concurrency = 8;
  EXPECT_EQ(ErrorOf(options), "");
}

TEST(BufferOptionsTest, TheShareOfAShardIsNotNegative) {
  BufferOptions options;
  options.max_per_shard = -1;
  EXPECT_EQ(ErrorOf(options),
            "max_per_shard (--buffer_max_per_shard) must be >= 0 (specified value: -1)");
}

TEST(BufferOptionsTest, TheTimesOfTheEvidenceHaveTheirLeast) {
  const absl::Duration kMilli = absl::Milliseconds(1);
  const absl::Duration kTick = absl::Nanoseconds(1);
  const struct {
    const char* name;
    std::function<void(BufferOptions&, absl::Duration)> set;
    absl::Duration least;
  } kRows[] = {
      {"max_retry_time", [](BufferOptions& o, absl::Duration d) { o.max_retry_time = d; }, kMilli},
      {"suspicion", [](BufferOptions& o, absl::Duration d) { o.suspicion = d; }, kMilli},
      {"probe_after", [](BufferOptions& o, absl::Duration d) { o.probe_after = d; }, kMilli},
      {"unstamped_report_delay",
       [](BufferOptions& o, absl::Duration d) { o.unstamped_report_delay = d; },
       absl::ZeroDuration()},
      {"down_confirmation", [](BufferOptions& o, absl::Duration d) { o.down_confirmation = d; },
       absl::ZeroDuration()},
  };
  for (const auto& row : kRows) {
    BufferOptions options;
    row.set(options, row.least);
    EXPECT_EQ(ErrorOf(options), "") << row.name;
    for (const absl::Duration bad : {row.least - kTick, absl::InfiniteDuration()}) {
      row.set(options, bad);
      EXPECT_THAT(ErrorOf(options), AllOf(HasSubstr(row.name), HasSubstr("and finite")));
    }
  }
}

TEST(BufferOptionsTest, AllRulesHoldWhenNothingIsEnabled) {
  BufferOptions options;
  options.enabled = false;
  options.size = 0;
  EXPECT_THAT(ErrorOf(options), HasSubstr("-buffer_size"));
}

// Each step breaks one more rule, from the last rule to the first. The error must come from the
// rule that was broken last, because Validate checks that rule first.
TEST(BufferOptionsTest, TheRulesSpeakInTheOrderOfVtgate) {
  struct Break {
    std::function<void(BufferOptions&)> rule;
    std::string error;
  };
  const std::vector<Break> breaks = {
      {[](BufferOptions& o) { o.max_shards = 0; }, "max_shards"},
      {[](BufferOptions& o) { o.keyspace_shards = "ks1/0,ks1"; }, "has overlapping entries"},
      {[](BufferOptions& o) { o.keyspace_shards = "ks1/0,ks1,ks1//0"; }, "invalid shard path"},
      {[](BufferOptions& o) {
         o.dry_run = true;
         o.keyspace_shards = "";
       },
       "To avoid ambiguity"},
      {[](BufferOptions& o) {
         o.enabled = false;
         o.keyspace_shards = "ks1//0";
       },
       "also requires that"},
      {[](BufferOptions& o) { o.drain_concurrency = 0; }, "-buffer_drain_concurrency"},
      {[](BufferOptions& o) { o.min_time_between_failovers = absl::Seconds(39); },
       "should be at least twice the length of"},
      {[](BufferOptions& o) { o.size = 0; }, "-buffer_size"},
      {[](BufferOptions& o) { o.max_failover_duration = absl::Seconds(9); }, "must be <="},
      {[](BufferOptions& o) { o.window = absl::Milliseconds(1); }, "must be >= 1s"},
  };
  BufferOptions options;
  for (const Break& next : breaks) {
    next.rule(options);
    EXPECT_THAT(ErrorOf(options), HasSubstr(next.error));
  }
}

}  // namespace
}  // namespace failover

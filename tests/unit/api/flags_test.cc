// These tests cover the command-line flags.
#include "failover/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/declare.h"
#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/time/time.h"

ABSL_DECLARE_FLAG(bool, enable_buffer);
ABSL_DECLARE_FLAG(bool, enable_buffer_dry_run);
ABSL_DECLARE_FLAG(absl::Duration, buffer_window);
ABSL_DECLARE_FLAG(std::int64_t, buffer_size);
ABSL_DECLARE_FLAG(std::string, buffer_keyspace_shards);

namespace failover {
namespace {

using ::testing::HasSubstr;

class FlagsTest : public ::testing::Test {
 protected:
  // Sets a flag to a value as it would be written on the command line.
  static void Set(const std::string& name, const std::string& value) {
    absl::CommandLineFlag* const flag = absl::FindCommandLineFlag(name);
    ASSERT_NE(flag, nullptr) << name;
    std::string error;
    EXPECT_TRUE(flag->ParseFrom(value, &error)) << error;
  }
  static bool Accepts(const std::string& name, const std::string& value) {
    absl::CommandLineFlag* const flag = absl::FindCommandLineFlag(name);
    std::string error;
    return flag != nullptr && flag->ParseFrom(value, &error);
  }
  static std::string Error() {
    const absl::Status status = BufferOptionsFromFlags().status();
    if (status.ok()) return "";
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }

 private:
  // The saver restores all flags after each test, so that each test starts with the defaults.
  absl::FlagSaver saver_;
};

TEST_F(FlagsTest, TheDefaultsAreThoseOfVtgate) {
  const absl::StatusOr<BufferOptions> options = BufferOptionsFromFlags();
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_FALSE(options->enabled);
  EXPECT_FALSE(options->dry_run);
  EXPECT_EQ(options->window, absl::Seconds(10));
  EXPECT_EQ(options->size, 1000);
  EXPECT_EQ(options->max_failover_duration, absl::Seconds(20));
  EXPECT_EQ(options->min_time_between_failovers, absl::Minutes(1));
  EXPECT_EQ(options->drain_concurrency, 1);
  EXPECT_EQ(options->drain_concurrency_max, 32);
  EXPECT_EQ(options->max_per_shard, 0);
  EXPECT_EQ(options->down_confirmation, absl::ZeroDuration());
  EXPECT_EQ(options->keyspace_shards, "");
  EXPECT_EQ(options->max_bytes, 0u);
  EXPECT_EQ(options->max_shards, 65536);
}

TEST_F(FlagsTest, TheOptionsThatHaveNoFlagKeepTheirDefaults) {
  const absl::StatusOr<BufferOptions> options = BufferOptionsFromFlags();
  ASSERT_TRUE(options.ok());
  EXPECT_FALSE(options->shutdown_grace.has_value());
  EXPECT_EQ(options->threading, Threading::kServiceThread);
  EXPECT_EQ(options->clock, nullptr);
}

TEST_F(FlagsTest, EveryFlagIsParsed) {
  Set("enable_buffer", "true");
  Set("enable_buffer_dry_run", "true");
  Set("buffer_window", "2s500ms");
  Set("buffer_size", "7");
  Set("buffer_max_failover_duration", "1m");
  Set("buffer_min_time_between_failovers", "1h");
  Set("buffer_drain_concurrency", "8");
  Set("buffer_drain_concurrency_max", "16");
  Set("buffer_max_per_shard", "5");
  Set("buffer_down_confirmation", "300ms");
  Set("buffer_keyspace_shards", "ks1,ks2/0");
  Set("buffer_max_bytes", "1048576");
  Set("buffer_max_shards", "12");
  const absl::StatusOr<BufferOptions> options = BufferOptionsFromFlags();
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->enabled);
  EXPECT_TRUE(options->dry_run);
  EXPECT_EQ(options->window, absl::Milliseconds(2500));
  EXPECT_EQ(options->size, 7);
  EXPECT_EQ(options->max_failover_duration, absl::Minutes(1));
  EXPECT_EQ(options->min_time_between_failovers, absl::Hours(1));
  EXPECT_EQ(options->drain_concurrency, 8);
  EXPECT_EQ(options->keyspace_shards, "ks1,ks2/0");
  EXPECT_EQ(options->max_bytes, 1048576u);
  EXPECT_EQ(options->max_shards, 12);
}

TEST_F(FlagsTest, ValuesThatDoNotParseAreRefused) {
  EXPECT_FALSE(Accepts("buffer_window", "10"));
  EXPECT_FALSE(Accepts("buffer_window", "long"));
  EXPECT_FALSE(Accepts("buffer_size", "many"));
  EXPECT_FALSE(Accepts("buffer_max_bytes", "-1"));
  EXPECT_FALSE(Accepts("enable_buffer", "perhaps"));
}

TEST_F(FlagsTest, ErrorsNameTheFlag) {
  absl::SetFlag(&FLAGS_buffer_window, absl::Milliseconds(1));
  EXPECT_THAT(Error(), HasSubstr("--buffer_window"));
  absl::SetFlag(&FLAGS_buffer_window, absl::Seconds(10));
  absl::SetFlag(&FLAGS_buffer_size, 0);
  EXPECT_THAT(Error(), HasSubstr("--buffer_size"));
}

TEST_F(FlagsTest, AllRulesOfTheOptionsHold) {
  absl::SetFlag(&FLAGS_buffer_keyspace_shards, "ks1");
  EXPECT_THAT(Error(), HasSubstr("also requires that"));
  absl::SetFlag(&FLAGS_enable_buffer, true);
  EXPECT_EQ(Error(), "");
  absl::SetFlag(&FLAGS_buffer_keyspace_shards, "");
  absl::SetFlag(&FLAGS_enable_buffer_dry_run, true);
  EXPECT_THAT(Error(), HasSubstr("To avoid ambiguity"));
}

TEST_F(FlagsTest, AnInfiniteDurationIsRefused) {
  Set("buffer_window", "inf");
  EXPECT_THAT(Error(), HasSubstr("--buffer_window"));
}

TEST_F(FlagsTest, EveryFlagExplainsItself) {
  for (const char* const name :
       {"enable_buffer", "enable_buffer_dry_run", "buffer_window", "buffer_size",
        "buffer_max_failover_duration", "buffer_min_time_between_failovers",
        "buffer_drain_concurrency", "buffer_keyspace_shards", "buffer_max_bytes",
        "buffer_max_shards"}) {
    const absl::CommandLineFlag* const flag = absl::FindCommandLineFlag(name);
    ASSERT_NE(flag, nullptr) << name;
    EXPECT_FALSE(flag->Help().empty()) << name;
  }
}

}  // namespace
}  // namespace failover

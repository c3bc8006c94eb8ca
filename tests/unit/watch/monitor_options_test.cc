#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failover/watch/monitor.h"
#include "support/recording_listener.h"

namespace failover::watch {
namespace {

// The options are validated before a factory is called, so this factory may give no probe.
std::unique_ptr<ServerProbe> NoProbe(const std::function<void()>& /*wake_up*/) { return nullptr; }

WatchedServer Server(std::uint32_t uid) {
  return {{"zone1", uid}, "db" + std::to_string(uid), NoProbe};
}

MonitorOptions Valid() {
  MonitorOptions options;
  options.shards = {{"shop", "-80", {Server(1), Server(2)}}, {"shop", "80-", {Server(1)}}};
  return options;
}

TEST(MonitorOptionsTest, DefaultsAreValid) {
  const MonitorOptions options = Valid();
  EXPECT_TRUE(options.Validate().ok()) << options.Validate();
  EXPECT_EQ(options.poll_interval, absl::Milliseconds(100));
  EXPECT_EQ(options.timeout, absl::Seconds(1));
  EXPECT_EQ(options.urgent_interval, absl::Milliseconds(10));
  EXPECT_EQ(options.urgent_duration, absl::Seconds(3));
  EXPECT_EQ(options.hold_interval, absl::Milliseconds(50));
  EXPECT_EQ(options.clock, nullptr);
}

TEST(MonitorOptionsTest, FactoryMustGiveAProbe) {
  test::RecordingListener listener;
  const absl::Status status = Monitor::Create(Valid(), &listener).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()), "shards[0].servers[0].make_probe gave no probe");
}

struct Mistake {
  std::string name;
  std::function<void(MonitorOptions&)> make;
  std::string message;
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.name; }

class MonitorMistakeTest : public testing::TestWithParam<Mistake> {};

TEST_P(MonitorMistakeTest, IsNamed) {
  MonitorOptions options = Valid();
  GetParam().make(options);
  const absl::Status status = options.Validate();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Options, MonitorMistakeTest,
    testing::Values(
        Mistake{"NoShard", [](auto& o) { o.shards.clear(); }, "shards must not be empty"},
        Mistake{"ShardTwice", [](auto& o) { o.shards[1].shard = "-80"; },
                "shards[1] has the keyspace and the shard of an earlier one"},
        Mistake{"NoServer", [](auto& o) { o.shards[1].servers.clear(); },
                "shards[1].servers must not be empty"},
        Mistake{"NoAlias", [](auto& o) { o.shards[0].servers[1].alias = {}; },
                "shards[0].servers[1].alias must not be empty"},
        Mistake{"AliasTwice", [](auto& o) { o.shards[0].servers[1].alias.uid = 1; },
                "shards[0].servers[1].alias occurs twice in the shard"},
        Mistake{"NoAddress", [](auto& o) { o.shards[0].servers[0].address.clear(); },
                "shards[0].servers[0].address must not be empty"},
        Mistake{"NoFactory", [](auto& o) { o.shards[0].servers[0].make_probe = nullptr; },
                "shards[0].servers[0].make_probe must not be empty"},
        Mistake{"NoInterval", [](auto& o) { o.poll_interval = absl::ZeroDuration(); },
                "poll_interval must be from 1ms to 1h, not 0"},
        Mistake{"WholeJitter", [](auto& o) { o.jitter = 1; },
                "jitter must be at least 0 and less than 1, not 1"},
        Mistake{"NoUrgentInterval", [](auto& o) { o.urgent_interval = absl::ZeroDuration(); },
                "urgent_interval must be from 1ms to 1h, not 0"},
        Mistake{"NegativeUrgentDuration", [](auto& o) { o.urgent_duration = -absl::Seconds(1); },
                "urgent_duration must be from 0 to 1h, not -1s"},
        Mistake{"LongHoldInterval", [](auto& o) { o.hold_interval = absl::Hours(2); },
                "hold_interval must be from 1ms to 1h, not 2h"},
        Mistake{"LongTimeout", [](auto& o) { o.timeout = absl::Hours(2); },
                "timeout must be from 1ms to 1h, not 2h"}),
    [](const auto& mistake) { return mistake.param.name; });

}  // namespace
}  // namespace failover::watch

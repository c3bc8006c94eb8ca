// The monitor together with a Buffer, in front of servers that exist only in a script.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/retry.h"
#include "failover/watch/monitor.h"
#include "scripted_server.h"
#include "support/recording_listener.h"

namespace failover::watch {
namespace {

constexpr std::uint32_t kA = 100;

// Tells the Buffer first, so that the Buffer knows what a test has awaited.
class BufferAndRecord final : public test::RecordingListener {
 public:
  explicit BufferAndRecord(Buffer& buffer) : buffer_(buffer) {}
  void StatsUpdate(const TabletStats& stats) override {
    buffer_.StatsUpdate(stats);
    test::RecordingListener::StatsUpdate(stats);
  }

 private:
  Buffer& buffer_;
};

// openark/orchestrator#1457: the primary is read-only for less than a poll. One request is refused,
// and the monitor sees nothing but a primary that serves, before and after. The hold must end with
// the first poll after its beginning, not with its longest duration.
//
// Needs a Buffer that ends a hold because of a serving report observed after the hold began.
TEST(BlipTest, Orchestrator1457_ABlipBetweenTwoPollsDoesNotHoldForTheWholeWindow) {
  auto buffer = Buffer::Create(BufferOptions());
  ASSERT_TRUE(buffer.ok()) << buffer.status();
  BufferAndRecord listener(**buffer);
  ScriptedServer a({Seen::kWritable, false, ""});
  MonitorOptions options;
  options.shards.push_back({"shop", "0", {{{"zone1", kA}, "a", a.factory()}}});
  options.poll_interval = absl::Milliseconds(2);
  options.timeout = absl::Hours(1);
  auto monitor = Monitor::Create(options, &listener);
  ASSERT_TRUE(monitor.ok()) << monitor.status();
  ASSERT_TRUE((*monitor)->Start().ok());
  ASSERT_TRUE(listener.Await(kA, test::IsServingPrimary));

  int attempts = 0;
  const absl::Status result =
      RunWithFailoverRetry(**buffer, {}, (*buffer)->GetShard("shop", "0"), [&] {
        if (++attempts > 1) return absl::OkStatus();
        return MarkCausedByFailover(absl::UnavailableError("1290: the server is read-only"));
      });
  EXPECT_TRUE(result.ok()) << result;
  (*monitor)->Stop();
  const auto stats = (*buffer)->GetShardStats("shop", "0");
  ASSERT_TRUE(stats.has_value());
  const auto stopped = [&](StopReason reason) {
    return stats->stops[static_cast<std::size_t>(reason)];
  };
  EXPECT_EQ(stopped(StopReason::kPrimaryServingAgain), 1u);
  EXPECT_EQ(stopped(StopReason::kMaxDurationExceeded), 0u);
}

}  // namespace
}  // namespace failover::watch

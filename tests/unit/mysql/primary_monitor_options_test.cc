#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failover/mysql/primary_monitor.h"
#include "support/monitor_mistakes.h"

namespace failover::mysql {
namespace {

PrimaryMonitorOptions Valid() { return test::ValidMonitorOptions<PrimaryMonitorOptions>(); }

TEST(PrimaryMonitorOptionsTest, DefaultsAreValid) {
  const PrimaryMonitorOptions options = Valid();
  EXPECT_TRUE(options.Validate().ok()) << options.Validate();
  EXPECT_EQ(options.poll_interval, absl::Milliseconds(100));
  EXPECT_EQ(options.timeout, absl::Seconds(1));
}

TEST(PrimaryMonitorOptionsTest, SocketInsteadOfHostIsValid) {
  PrimaryMonitorOptions options = Valid();
  MonitoredServer& server = options.shards[0].servers[1];
  server.host.clear();
  server.port = 0;
  server.unix_socket = std::string(107, 's');
  EXPECT_TRUE(options.Validate().ok()) << options.Validate();
}

TEST(PrimaryMonitorOptionsTest, OneServerMayBelongToTwoShards) {
  PrimaryMonitorOptions options = Valid();
  options.shards[1].servers = options.shards[0].servers;
  EXPECT_TRUE(options.Validate().ok()) << options.Validate();
}

using Mistake = test::MonitorMistake<PrimaryMonitorOptions>;

class MistakeTest : public testing::TestWithParam<Mistake> {};

TEST_P(MistakeTest, IsNamed) {
  PrimaryMonitorOptions options = Valid();
  GetParam().make(options);
  const absl::Status status = options.Validate();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Options, MistakeTest,
    testing::ValuesIn(test::MonitorMistakes<PrimaryMonitorOptions, TlsMode>(
        {{"PublicKeyIsMissing",
          [](auto& o) { o.shards[0].servers[0].server_public_key_file = "/no/key"; },
          "shards[0].servers[0].server_public_key_file is not a file that can be read: "
          "/no/key"},
         {"PublicKeyWithTls",
          [](auto& o) {
            o.shards[0].servers[0].tls.mode = TlsMode::kRequired;
            o.shards[0].servers[0].server_public_key_file = "/k";
          },
          "shards[0].servers[0].server_public_key_file must be empty if tls.mode is not "
          "kOff"},
         {"PublicKeyOnASocket",
          [](auto& o) {
            o.shards[0].servers[0].host.clear();
            o.shards[0].servers[0].unix_socket = "/s";
            o.shards[0].servers[0].server_public_key_file = "/k";
          },
          "shards[0].servers[0].server_public_key_file must be empty for a unix_socket"}})),
    [](const auto& mistake) { return mistake.param.name; });

}  // namespace
}  // namespace failover::mysql

#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failover/postgres/primary_monitor.h"
#include "support/monitor_mistakes.h"

namespace failover::postgres {
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
  server.unix_socket = "/" + std::string(92, 's') + "/.s.PGSQL.5432";
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
        {{"NoDatabase", [](auto& o) { o.shards[0].servers[0].database.clear(); },
          "shards[0].servers[0].database must not be empty"},
         {"ZeroByte", [](auto& o) { o.shards[0].servers[0].user = std::string("a\0b", 3); },
          "shards[0].servers[0].user must not contain a zero byte"},
         {"ZeroByteInPassword",
          [](auto& o) { o.shards[0].servers[0].password = std::string("a\0b", 3); },
          "shards[0].servers[0].password must not contain a zero byte"},
         {"SeveralHosts", [](auto& o) { o.shards[0].servers[0].host = "a,b"; },
          "shards[0].servers[0].host must be a single host"},
         {"SocketIsAFolder",
          [](auto& o) {
            o.shards[0].servers[0].host.clear();
            o.shards[0].servers[0].unix_socket = "/run/postgresql";
          },
          "shards[0].servers[0].unix_socket must be the absolute path of a socket, as in "
          "/run/.s.PGSQL.5432"},
         {"RelativeSocket",
          [](auto& o) {
            o.shards[0].servers[0].host.clear();
            o.shards[0].servers[0].unix_socket = "run/.s.PGSQL.5432";
          },
          "shards[0].servers[0].unix_socket must be the absolute path of a socket, as in "
          "/run/.s.PGSQL.5432"},
         {"SocketOfNoPort",
          [](auto& o) {
            o.shards[0].servers[0].host.clear();
            o.shards[0].servers[0].unix_socket = "/run/.s.PGSQL.65536";
          },
          "shards[0].servers[0].unix_socket must be the absolute path of a socket, as in "
          "/run/.s.PGSQL.5432"}})),
    [](const auto& mistake) { return mistake.param.name; });

}  // namespace
}  // namespace failover::postgres

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failover/postgres/primary_monitor.h"

namespace failover::postgres {
namespace {

MonitoredServer Server(std::uint32_t uid) {
  MonitoredServer server;
  server.alias = {"zone1", uid};
  server.host = "db" + std::to_string(uid);
  server.user = "monitor";
  server.password = "secret";
  return server;
}

PrimaryMonitorOptions Valid() {
  PrimaryMonitorOptions options;
  options.shards = {{"commerce", "-80", {Server(1), Server(2)}}, {"commerce", "80-", {Server(3)}}};
  return options;
}

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

struct Mistake {
  std::string name;
  std::function<void(PrimaryMonitorOptions&)> make;
  std::string message;
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.name; }

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
    testing::Values(
        Mistake{"NoShard", [](auto& o) { o.shards.clear(); }, "shards must not be empty"},
        Mistake{"NoKeyspace", [](auto& o) { o.shards[1].keyspace.clear(); },
                "shards[1].keyspace must not be empty"},
        Mistake{"NoShardName", [](auto& o) { o.shards[0].shard.clear(); },
                "shards[0].shard must not be empty"},
        Mistake{"ShardTwice", [](auto& o) { o.shards[1].shard = "-80"; },
                "shards[1] has the keyspace and the shard of an earlier one"},
        Mistake{"NoServer", [](auto& o) { o.shards[1].servers.clear(); },
                "shards[1].servers must not be empty"},
        Mistake{"NoAlias", [](auto& o) { o.shards[0].servers[1].alias = {}; },
                "shards[0].servers[1].alias must not be empty"},
        Mistake{"AliasTwice",
                [](auto& o) {
                  o.shards[0].servers[1].alias = {"zone1", 1};
                },
                "shards[0].servers[1].alias occurs twice in the shard"},
        Mistake{"AddressTwice", [](auto& o) { o.shards[0].servers[1].host = "db1"; },
                "shards[0].servers[1] has the address of another server of the shard"},
        Mistake{"NoAddress", [](auto& o) { o.shards[0].servers[0].host.clear(); },
                "shards[0].servers[0] must have either a host or a unix_socket"},
        Mistake{"TwoAddresses", [](auto& o) { o.shards[0].servers[0].unix_socket = "/s"; },
                "shards[0].servers[0] must have either a host or a unix_socket"},
        Mistake{"NoPort", [](auto& o) { o.shards[0].servers[0].port = 0; },
                "shards[0].servers[0].port must be from 1 to 65535"},
        Mistake{"LongSocket",
                [](auto& o) {
                  o.shards[0].servers[0].host.clear();
                  o.shards[0].servers[0].unix_socket = std::string(108, 's');
                },
                "shards[0].servers[0].unix_socket must be at most 107 bytes long"},
        Mistake{"NoUser", [](auto& o) { o.shards[0].servers[0].user.clear(); },
                "shards[0].servers[0].user must not be empty"},
        Mistake{"TlsFileWithoutTls", [](auto& o) { o.shards[0].servers[0].tls.ca_file = "/x"; },
                "shards[0].servers[0].tls.mode must not be kOff if another field of tls is set"},
        Mistake{"VerifyWithoutCa",
                [](auto& o) { o.shards[0].servers[0].tls.mode = TlsMode::kVerify; },
                "shards[0].servers[0].tls.ca_file must not be empty for kVerify"},
        Mistake{"CaWithoutVerify",
                [](auto& o) {
                  o.shards[0].servers[0].tls.mode = TlsMode::kRequired;
                  o.shards[0].servers[0].tls.ca_file = "/x";
                },
                "shards[0].servers[0].tls.ca_file needs kVerify"},
        Mistake{"ServerNameWithoutVerify",
                [](auto& o) {
                  o.shards[0].servers[0].tls.mode = TlsMode::kRequired;
                  o.shards[0].servers[0].tls.server_name = "db";
                },
                "shards[0].servers[0].tls.server_name needs kVerify"},
        Mistake{"CaIsMissing",
                [](auto& o) {
                  o.shards[0].servers[1].tls.mode = TlsMode::kVerify;
                  o.shards[0].servers[1].tls.ca_file = "/no/such/file";
                },
                "shards[0].servers[1].tls.ca_file is not a file that can be read: /no/such/file"},
        Mistake{"CaIsAFolder",
                [](auto& o) {
                  o.shards[0].servers[1].tls.mode = TlsMode::kVerify;
                  o.shards[0].servers[1].tls.ca_file = "/";
                },
                "shards[0].servers[1].tls.ca_file is not a file that can be read: /"},
        Mistake{"CertificateWithoutKey",
                [](auto& o) {
                  o.shards[0].servers[0].tls.mode = TlsMode::kRequired;
                  o.shards[0].servers[0].tls.certificate_file = "/x";
                },
                "shards[0].servers[0].tls.certificate_file and key_file must both be set, or none"},
        Mistake{"KeyIsMissing",
                [](auto& o) {
                  o.shards[0].servers[0].tls.mode = TlsMode::kRequired;
                  o.shards[0].servers[0].tls.certificate_file = "/proc/self/status";
                  o.shards[0].servers[0].tls.key_file = "/no/key";
                },
                "shards[0].servers[0].tls.key_file is not a file that can be read: /no/key"},
        Mistake{"TlsOnASocket",
                [](auto& o) {
                  o.shards[0].servers[0].host.clear();
                  o.shards[0].servers[0].unix_socket = "/s/.s.PGSQL.1";
                  o.shards[0].servers[0].tls.mode = TlsMode::kRequired;
                },
                "shards[0].servers[0].tls.mode must be kOff for a unix_socket"},
        Mistake{"NoDatabase", [](auto& o) { o.shards[0].servers[0].database.clear(); },
                "shards[0].servers[0].database must not be empty"},
        Mistake{"ZeroByte", [](auto& o) { o.shards[0].servers[0].user = std::string("a\0b", 3); },
                "shards[0].servers[0].user must not contain a zero byte"},
        Mistake{"ZeroByteInPassword",
                [](auto& o) { o.shards[0].servers[0].password = std::string("a\0b", 3); },
                "shards[0].servers[0].password must not contain a zero byte"},
        Mistake{"SeveralHosts", [](auto& o) { o.shards[0].servers[0].host = "a,b"; },
                "shards[0].servers[0].host must be a single host"},
        Mistake{"SocketIsAFolder",
                [](auto& o) {
                  o.shards[0].servers[0].host.clear();
                  o.shards[0].servers[0].unix_socket = "/run/postgresql";
                },
                "shards[0].servers[0].unix_socket must be the absolute path of a socket, as in "
                "/run/.s.PGSQL.5432"},
        Mistake{"RelativeSocket",
                [](auto& o) {
                  o.shards[0].servers[0].host.clear();
                  o.shards[0].servers[0].unix_socket = "run/.s.PGSQL.5432";
                },
                "shards[0].servers[0].unix_socket must be the absolute path of a socket, as in "
                "/run/.s.PGSQL.5432"},
        Mistake{"SocketOfNoPort",
                [](auto& o) {
                  o.shards[0].servers[0].host.clear();
                  o.shards[0].servers[0].unix_socket = "/run/.s.PGSQL.65536";
                },
                "shards[0].servers[0].unix_socket must be the absolute path of a socket, as in "
                "/run/.s.PGSQL.5432"},
        Mistake{"NoInterval", [](auto& o) { o.poll_interval = absl::ZeroDuration(); },
                "poll_interval must be from 1ms to 1h, not 0"},
        Mistake{"EndlessInterval", [](auto& o) { o.poll_interval = absl::InfiniteDuration(); },
                "poll_interval must be from 1ms to 1h, not inf"},
        Mistake{"NegativeTimeout", [](auto& o) { o.timeout = absl::Seconds(-1); },
                "timeout must be from 1ms to 1h, not -1s"},
        Mistake{"LongTimeout", [](auto& o) { o.timeout = absl::Hours(2); },
                "timeout must be from 1ms to 1h, not 2h"},
        Mistake{"NegativeJitter", [](auto& o) { o.jitter = -0.5; },
                "jitter must be at least 0 and less than 1, not -0.5"},
        Mistake{"WholeJitter", [](auto& o) { o.jitter = 1; },
                "jitter must be at least 0 and less than 1, not 1"},
        Mistake{"NoNumberJitter", [](auto& o) { o.jitter = std::nan(""); },
                "jitter must be at least 0 and less than 1, not nan"}),
    [](const auto& mistake) { return mistake.param.name; });

}  // namespace
}  // namespace failover::postgres

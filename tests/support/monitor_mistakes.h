// What is wrong with the options of a monitor, whatever the database, and the error that names the
// mistake. PrimaryMonitorOptions of MySQL and of PostgreSQL are different types with the same
// rules.
#ifndef FAILOVER_TESTS_SUPPORT_MONITOR_MISTAKES_H_
#define FAILOVER_TESTS_SUPPORT_MONITOR_MISTAKES_H_

#include <cmath>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace failover::test {

template <typename Options>
struct MonitorMistake {
  std::string name;
  std::function<void(Options&)> make;
  std::string message;
};

template <typename Options>
void PrintTo(const MonitorMistake<Options>& mistake, std::ostream* out) {
  *out << mistake.name;
}

// Two shards, of which the first has two servers. No rule is broken.
template <typename Options>
Options ValidMonitorOptions() {
  using Shard = typename decltype(Options::shards)::value_type;
  using Server = typename decltype(Shard::servers)::value_type;
  const auto server = [](std::uint32_t uid) {
    Server made;
    made.alias = {"zone1", uid};
    made.host = "db" + std::to_string(uid);
    made.user = "monitor";
    made.password = "secret";
    return made;
  };
  Options options;
  options.shards = {{"commerce", "-80", {server(1), server(2)}}, {"commerce", "80-", {server(3)}}};
  return options;
}

// The mistakes that both monitors know, and then `own`, which only one of them knows.
template <typename Options, typename TlsMode>
std::vector<MonitorMistake<Options>> MonitorMistakes(std::vector<MonitorMistake<Options>> own) {
  std::vector<MonitorMistake<Options>> all = {
      {"NoShard", [](auto& o) { o.shards.clear(); }, "shards must not be empty"},
      {"NoKeyspace", [](auto& o) { o.shards[1].keyspace.clear(); },
       "shards[1].keyspace must not be empty"},
      {"NoShardName", [](auto& o) { o.shards[0].shard.clear(); },
       "shards[0].shard must not be empty"},
      {"ShardTwice", [](auto& o) { o.shards[1].shard = "-80"; },
       "shards[1] has the keyspace and the shard of an earlier one"},
      {"NoServer", [](auto& o) { o.shards[1].servers.clear(); },
       "shards[1].servers must not be empty"},
      {"NoAlias", [](auto& o) { o.shards[0].servers[1].alias = {}; },
       "shards[0].servers[1].alias must not be empty"},
      {"AliasTwice",
       [](auto& o) {
         o.shards[0].servers[1].alias = {"zone1", 1};
       },
       "shards[0].servers[1].alias occurs twice in the shard"},
      {"AddressTwice", [](auto& o) { o.shards[0].servers[1].host = "db1"; },
       "shards[0].servers[1] has the address of another server of the shard"},
      {"NoAddress", [](auto& o) { o.shards[0].servers[0].host.clear(); },
       "shards[0].servers[0] must have either a host or a unix_socket"},
      {"TwoAddresses", [](auto& o) { o.shards[0].servers[0].unix_socket = "/s"; },
       "shards[0].servers[0] must have either a host or a unix_socket"},
      {"NoPort", [](auto& o) { o.shards[0].servers[0].port = 0; },
       "shards[0].servers[0].port must be from 1 to 65535"},
      {"LongSocket",
       [](auto& o) {
         o.shards[0].servers[0].host.clear();
         o.shards[0].servers[0].unix_socket = std::string(108, 's');
       },
       "shards[0].servers[0].unix_socket must be at most 107 bytes long"},
      {"NoUser", [](auto& o) { o.shards[0].servers[0].user.clear(); },
       "shards[0].servers[0].user must not be empty"},
      {"TlsFileWithoutTls", [](auto& o) { o.shards[0].servers[0].tls.ca_file = "/x"; },
       "shards[0].servers[0].tls.mode must not be kOff if another field of tls is set"},
      {"VerifyWithoutCa", [](auto& o) { o.shards[0].servers[0].tls.mode = TlsMode::kVerify; },
       "shards[0].servers[0].tls.ca_file must not be empty for kVerify"},
      {"CaWithoutVerify",
       [](auto& o) {
         o.shards[0].servers[0].tls.mode = TlsMode::kRequired;
         o.shards[0].servers[0].tls.ca_file = "/x";
       },
       "shards[0].servers[0].tls.ca_file needs kVerify"},
      {"ServerNameWithoutVerify",
       [](auto& o) {
         o.shards[0].servers[0].tls.mode = TlsMode::kRequired;
         o.shards[0].servers[0].tls.server_name = "db";
       },
       "shards[0].servers[0].tls.server_name needs kVerify"},
      {"CaIsMissing",
       [](auto& o) {
         o.shards[0].servers[1].tls.mode = TlsMode::kVerify;
         o.shards[0].servers[1].tls.ca_file = "/no/such/file";
       },
       "shards[0].servers[1].tls.ca_file is not a file that can be read: /no/such/file"},
      {"CaIsAFolder",
       [](auto& o) {
         o.shards[0].servers[1].tls.mode = TlsMode::kVerify;
         o.shards[0].servers[1].tls.ca_file = "/";
       },
       "shards[0].servers[1].tls.ca_file is not a file that can be read: /"},
      {"CertificateWithoutKey",
       [](auto& o) {
         o.shards[0].servers[0].tls.mode = TlsMode::kRequired;
         o.shards[0].servers[0].tls.certificate_file = "/x";
       },
       "shards[0].servers[0].tls.certificate_file and key_file must both be set, or none"},
      {"KeyIsMissing",
       [](auto& o) {
         o.shards[0].servers[0].tls.mode = TlsMode::kRequired;
         o.shards[0].servers[0].tls.certificate_file = "/proc/self/status";
         o.shards[0].servers[0].tls.key_file = "/no/key";
       },
       "shards[0].servers[0].tls.key_file is not a file that can be read: /no/key"},
      {"TlsOnASocket",
       [](auto& o) {
         o.shards[0].servers[0].host.clear();
         o.shards[0].servers[0].unix_socket = "/s/.s.PGSQL.1";
         o.shards[0].servers[0].tls.mode = TlsMode::kRequired;
       },
       "shards[0].servers[0].tls.mode must be kOff for a unix_socket"},
      {"NoInterval", [](auto& o) { o.poll_interval = absl::ZeroDuration(); },
       "poll_interval must be from 1ms to 1h, not 0"},
      {"EndlessInterval", [](auto& o) { o.poll_interval = absl::InfiniteDuration(); },
       "poll_interval must be from 1ms to 1h, not inf"},
      {"NegativeTimeout", [](auto& o) { o.timeout = absl::Seconds(-1); },
       "timeout must be from 1ms to 1h, not -1s"},
      {"LongTimeout", [](auto& o) { o.timeout = absl::Hours(2); },
       "timeout must be from 1ms to 1h, not 2h"},
      {"NegativeJitter", [](auto& o) { o.jitter = -0.5; },
       "jitter must be at least 0 and less than 1, not -0.5"},
      {"WholeJitter", [](auto& o) { o.jitter = 1; },
       "jitter must be at least 0 and less than 1, not 1"},
      {"NoNumberJitter", [](auto& o) { o.jitter = std::nan(""); },
       "jitter must be at least 0 and less than 1, not nan"}};
  all.insert(all.end(), own.begin(), own.end());
  return all;
}

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_MONITOR_MISTAKES_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "failover/topology/patroni_feed.h"

namespace failover::topology {
namespace {

using ::testing::StartsWith;

PatroniFeedOptions Right() {
  PatroniFeedOptions options;
  options.etcd.endpoints = {"http://127.0.0.1:2379", "https://[::1]:2379/"};
  options.shards = {{"batman", "ks", "0"}, {"robin", "ks", "1"}};
  return options;
}

TEST(PatroniFeedOptionsTest, RightOptionsAreRight) {
  EXPECT_TRUE(Right().Validate().ok()) << Right().Validate();
}

TEST(PatroniFeedOptionsTest, TheFirstWrongFieldIsNamed) {
  const struct {
    std::function<void(PatroniFeedOptions&)> spoil;
    const char* text;
  } kRows[] = {
      {[](auto& o) { o.etcd.endpoints.clear(); }, "etcd.endpoints must not be empty"},
      {[](auto& o) { o.etcd.endpoints[1] = "10.0.0.1:2379"; }, "etcd.endpoints[1] must look like"},
      {[](auto& o) { o.etcd.endpoints[0] = "ftp://a"; }, "etcd.endpoints[0] must look like"},
      {[](auto& o) { o.etcd.endpoints[0] = "http://"; }, "etcd.endpoints[0] must look like"},
      {[](auto& o) { o.etcd.endpoints[0] = "http://a/b"; }, "etcd.endpoints[0] must look like"},
      {[](auto& o) { o.etcd.endpoints[0] = "http://u:p@a"; }, "etcd.endpoints[0] must look like"},
      {[](auto& o) { o.etcd.endpoints[0] = "http://a\n"; }, "etcd.endpoints[0] must look like"},
      {[](auto& o) { o.etcd.user = "u"; }, "etcd.endpoints[0] is not encrypted"},
      {[](auto& o) { o.etcd.password = "p"; }, "etcd.user must not be empty"},
      {[](auto& o) { o.etcd.tls.key_file = "/dev/null"; }, "etcd.tls.certificate_file"},
      {[](auto& o) { o.etcd.tls.ca_file = "/nonexistent/ca"; }, "etcd.tls.ca_file"},
      {[](auto& o) { o.etcd.poll_interval = absl::Milliseconds(99); }, "etcd.poll_interval"},
      {[](auto& o) { o.etcd.poll_interval = absl::InfiniteDuration(); }, "etcd.poll_interval"},
      {[](auto& o) { o.etcd.request_timeout = absl::ZeroDuration(); }, "etcd.request_timeout"},
      {[](auto& o) { o.shards.clear(); }, "shards must not be empty"},
      {[](auto& o) { o.shards[1].scope = ""; }, "shards[1].scope"},
      {[](auto& o) { o.shards[1].scope = "a/b"; }, "shards[1].scope"},
      {[](auto& o) { o.shards[0].keyspace = ""; }, "shards[0].keyspace"},
      {[](auto& o) { o.shards[0].shard = std::string(257, 'x'); }, "shards[0].shard"},
      {[](auto& o) { o.shards[1].shard = "0"; }, "shards[1] has the keyspace"},
      {[](auto& o) { o.longest_hold = absl::Milliseconds(1); }, "longest_hold"},
      {[](auto& o) { o.longest_hold = absl::Hours(2); }, "longest_hold"},
  };
  for (const auto& row : kRows) {
    PatroniFeedOptions options = Right();
    row.spoil(options);
    const absl::Status status = options.Validate();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.text;
    EXPECT_THAT(std::string(status.message()), StartsWith(row.text));
    EXPECT_EQ(PatroniFeed::Create(options).status(), status);
  }
}

TEST(PatroniFeedOptionsTest, APasswordWithoutTlsMayBeAllowed) {
  PatroniFeedOptions options = Right();
  options.etcd.user = "u";
  options.etcd.password_without_tls = true;
  EXPECT_TRUE(options.Validate().ok());
  options.etcd.password_without_tls = false;
  options.etcd.endpoints = {"https://10.0.0.1:2379"};
  EXPECT_TRUE(options.Validate().ok());
}

}  // namespace
}  // namespace failover::topology

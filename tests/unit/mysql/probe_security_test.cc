// No server but the true one may learn the password of the monitor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "driven_probe.h"
#include "support/child_process.h"
#include "support/fake_public_key.h"

namespace failover::mysql::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// The size of what is encrypted with a key of 2,048 bits.
constexpr std::size_t kEncrypted = 256;

FakeServer::State Asking(const std::string& plugin) {
  FakeServer::State state;
  state.mode = FakeServer::Mode::kAskPlugin;
  state.plugin = plugin;
  return state;
}

std::string Write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  return path;
}

// An attacker who can change packets asks for a plugin, and offers a public key of his own.
class AttackerTest : public testing::TestWithParam<std::string> {};

TEST_P(AttackerTest, GetsNothingFromWhichThePasswordFollows) {
  FakeServer attacker(Asking(GetParam()));
  DrivenProbe probe(ServerOf(attacker));
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, Seen::kRefused);
  EXPECT_THAT(found.problem, HasSubstr("authentication plugin '" + GetParam() + "'"));
  ASSERT_TRUE(attacker.AwaitNoConnection());
  EXPECT_THAT(attacker.received_after_ask(), IsEmpty());
  EXPECT_THAT(attacker.received(), Not(HasSubstr(kPassword)));
}

INSTANTIATE_TEST_SUITE_P(Plugins, AttackerTest,
                         testing::Values("sha256_password", "caching_sha2_password",
                                         "mysql_clear_password", "dialog", "mysql_old_password",
                                         "auth_gssapi_client"),
                         [](const auto& plugin) { return plugin.param; });

TEST(ProbeSecurityTest, NativePasswordIsAProofAndNotThePassword) {
  FakeServer server(Asking("mysql_native_password"));
  DrivenProbe probe(ServerOf(server));
  probe.Poll();
  ASSERT_TRUE(server.AwaitNoConnection());
  EXPECT_THAT(server.received_after_ask(), ElementsAre(SizeIs(20)));
}

class PublicKeyTest : public testing::TestWithParam<std::string> {
 protected:
  MonitoredServer ServerWithKey(const FakeServer& fake) {
    MonitoredServer server = ServerOf(fake);
    server.server_public_key_file = Write(folder_.path() + "/public_key.pem", kFakePublicKey);
    return server;
  }

  const test::TemporaryFolder folder_;
};

TEST_P(PublicKeyTest, FromTheFileEncryptsThePassword) {
  FakeServer fake(Asking(GetParam()));
  DrivenProbe probe(ServerWithKey(fake));
  probe.Poll();
  ASSERT_TRUE(fake.AwaitNoConnection());
  const std::vector<std::string> received = fake.received_after_ask();
  ASSERT_THAT(received, Not(IsEmpty()));
  EXPECT_THAT(received.back(), SizeIs(kEncrypted));
  EXPECT_THAT(received, Not(testing::Contains(SizeIs(1)))) << "the probe asked for a key";
}

TEST_P(PublicKeyTest, IsNeverAskedForWhenTheFileIsGone) {
  FakeServer fake(Asking(GetParam()));
  const MonitoredServer server = ServerWithKey(fake);
  DrivenProbe probe(server);
  std::remove(server.server_public_key_file.c_str());
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, Seen::kUnknown);
  EXPECT_THAT(found.problem, HasSubstr(server.server_public_key_file));
  ASSERT_TRUE(fake.AwaitNoConnection());
  EXPECT_THAT(fake.received_after_ask(), Not(testing::Contains(SizeIs(1))));
  EXPECT_THAT(fake.received_after_ask(), Not(testing::Contains(SizeIs(kEncrypted))));
}

INSTANTIATE_TEST_SUITE_P(Plugins, PublicKeyTest,
                         testing::Values("sha256_password", "caching_sha2_password"),
                         [](const auto& plugin) { return plugin.param; });

class TlsTest : public testing::TestWithParam<TlsMode> {
 protected:
  MonitoredServer ServerWithTls(const FakeServer& fake) {
    MonitoredServer server = ServerOf(fake);
    server.tls.mode = GetParam();
    // libmariadb reads the file before the server can do anything.
    if (GetParam() == TlsMode::kVerify) server.tls.ca_file = TEST_CERTIFICATE;
    return server;
  }
};

TEST_P(TlsTest, ServerWithoutTlsIsRefused) {
  FakeServer fake{{}};
  DrivenProbe probe(ServerWithTls(fake));
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, Seen::kRefused);
  EXPECT_THAT(found.problem, testing::ContainsRegex("TLS|SSL"));
  EXPECT_THAT(fake.received(), Not(HasSubstr(kPassword)));
}

// What an attacker does who removes TLS from the greeting.
TEST_P(TlsTest, PasswordIsNotSentInTheClearWithoutTls) {
  for (const char* plugin : {"mysql_clear_password", "caching_sha2_password", "sha256_password"}) {
    FakeServer attacker(Asking(plugin));
    DrivenProbe probe(ServerWithTls(attacker));
    EXPECT_EQ(probe.Poll().seen, Seen::kRefused);
    ASSERT_TRUE(attacker.AwaitNoConnection());
    EXPECT_THAT(attacker.received_after_ask(), IsEmpty());
    EXPECT_THAT(attacker.received(), Not(HasSubstr(kPassword)));
  }
}

TEST_P(TlsTest, ServerThatHangsInTheHandshakeMakesNobodyWait) {
  FakeServer::State state;
  state.mode = FakeServer::Mode::kHangInTls;
  FakeServer fake(state);
  DrivenProbe probe(ServerWithTls(fake));
  for (int i = 1; i <= 2; ++i) {
    probe.probe().Begin();
    ASSERT_TRUE(probe.probe().busy());
    if (fake.connections() < i) {
      ASSERT_TRUE(fake.AwaitConnections(i - fake.connections()));
    }
    probe.probe().Continue(0);
    probe.probe().Expire();
    EXPECT_EQ(probe.probe().observation().seen, Seen::kHung);
    EXPECT_TRUE(fake.AwaitNoConnection()) << "the attempt goes on";
  }
}

// A router that ends takes OpenSSL down, which no thread of the monitor may use then.
TEST_P(TlsTest, BugCrashAtExit_ThreadOfAnAttemptEndsBeforeItsProbe) {
  FakeServer::State state;
  state.mode = FakeServer::Mode::kHangInTls;
  FakeServer fake(state);
  std::atomic<int> ended = 0;
  {
    Probe probe(ServerWithTls(fake), [&ended] { ++ended; });
    for (int i = 1; i <= 3; ++i) {
      probe.Begin();
      if (fake.connections() < i) {
        ASSERT_TRUE(fake.AwaitConnections(i - fake.connections()));
      }
      probe.Expire();
      ASSERT_TRUE(fake.AwaitNoConnection());
    }
  }
  EXPECT_EQ(ended, 3);
}

INSTANTIATE_TEST_SUITE_P(Modes, TlsTest, testing::Values(TlsMode::kRequired, TlsMode::kVerify),
                         [](const auto& mode) {
                           return mode.param == TlsMode::kVerify ? "Verify" : "Required";
                         });

}  // namespace
}  // namespace failover::mysql::internal

// A feed watches a real etcd, in which a test plays Patroni.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "failover/buffer.h"
#include "live_feed.h"
#include "support/certificates.h"
#include "support/child_process.h"
#include "support/live_etcd.h"

namespace failover::test {
namespace {

using ::testing::HasSubstr;
using State = topology::PatroniState;

constexpr char kLeader[] = "/service/batman/leader";
constexpr char kFailover[] = "/service/batman/failover";
constexpr char kNow[] = R"({"leader":"n1","member":"n2"})";

class EtcdLiveTest : public ::testing::Test {
 protected:
  void Start(LiveEtcd& etcd) {
    ASSERT_TRUE(etcd.Start());
    etcd.Put(kLeader, "n1");
    feed_.options.etcd.endpoints = {etcd.url()};
    feed_.Start();
    ASSERT_TRUE(feed_.AwaitLeader("n1"));
  }
  bool Holds() {
    return buffer_->GetShardStats("ks", "0").value().state == failover::State::kBuffering;
  }

  const std::unique_ptr<Buffer> buffer_ = Buffer::Create(PatientOptions()).value();
  LiveFeed feed_{buffer_.get()};
};

TEST_F(EtcdLiveTest, AnnouncementsAndLeadersAreHeardOf) {
  LiveEtcd etcd;
  Start(etcd);
  const std::int64_t term = feed_.Now().term;
  EXPECT_GT(term, 0);
  etcd.Put(kFailover, kNow);
  ASSERT_TRUE(feed_.Await([](const State& state) { return state.holding; }));
  EXPECT_TRUE(Holds());
  etcd.Put(kFailover, "{}");
  ASSERT_TRUE(feed_.Await([](const State& state) { return !state.holding; }));
  EXPECT_FALSE(Holds());

  etcd.Put(kFailover, kNow);
  ASSERT_TRUE(feed_.Await([](const State& state) { return state.holding; }));
  etcd.Delete(kLeader);
  ASSERT_TRUE(feed_.AwaitLeader(""));
  EXPECT_TRUE(Holds());
  etcd.Put(kLeader, "n2");
  ASSERT_TRUE(feed_.AwaitLeader("n2"));
  EXPECT_GT(feed_.Now().term, term);
  EXPECT_TRUE(Holds()) << "no report has said that n2 takes writes";
  feed_.Stop();
}

TEST_F(EtcdLiveTest, ARestartedEtcdIsFoundAgain) {
  LiveEtcd etcd;
  Start(etcd);
  const std::int64_t term = feed_.Now().term;
  etcd.Put(kFailover, kNow);
  ASSERT_TRUE(feed_.Await([](const State& state) { return state.holding; }));
  etcd.Stop();
  ASSERT_TRUE(feed_.Await([](const State& state) { return !state.connected; }));
  EXPECT_EQ(feed_.Now().leader, "n1");
  EXPECT_TRUE(Holds()) << "silence releases nothing";
  ASSERT_TRUE(etcd.Start());
  etcd.Put(kLeader, "n2");
  ASSERT_TRUE(feed_.AwaitLeader("n2"));
  EXPECT_GT(feed_.Now().term, term);
  feed_.Stop();
}

TEST_F(EtcdLiveTest, TermsGoOnInAnEtcdThatWasBuiltAnew) {
  LiveEtcd etcd;
  ASSERT_TRUE(etcd.Start());
  for (int i = 0; i < 20; ++i) etcd.Put("/other", std::to_string(i));
  etcd.Stop();
  Start(etcd);
  const std::int64_t term = feed_.Now().term;
  EXPECT_GT(term, 20);
  etcd.Stop();
  etcd.Forget();
  ASSERT_TRUE(etcd.Start());
  etcd.Put(kLeader, "n2");
  ASSERT_TRUE(feed_.AwaitLeader("n2"));
  EXPECT_GT(feed_.Now().term, term);
  feed_.Stop();
}

TEST_F(EtcdLiveTest, CompactionLosesNothing) {
  LiveEtcd etcd;
  Start(etcd);
  const std::int64_t term = feed_.Now().term;
  etcd.Stop();
  ASSERT_TRUE(feed_.Await([](const State& state) { return !state.connected; }));
  ASSERT_TRUE(etcd.Start());
  for (const char* const name : {"n2", "n3", "n2"}) etcd.Put(kLeader, name);
  ASSERT_TRUE(etcd.Control({"compact", std::to_string(term + 2)}));
  ASSERT_TRUE(feed_.Await([](const State& state) { return state.connected; }));
  ASSERT_TRUE(feed_.AwaitLeader("n2"));
  etcd.Put(kLeader, "n4");
  ASSERT_TRUE(feed_.AwaitLeader("n4"));
  feed_.Stop();
}

TEST_F(EtcdLiveTest, LogsInAsAUserWhoMayReadOnly) {
  LiveEtcd etcd({"--auth-token-ttl=5"});
  ASSERT_TRUE(etcd.Start());
  etcd.Put(kLeader, "n1");
  ASSERT_TRUE(etcd.Control({"user", "add", "root:root-password"}));
  ASSERT_TRUE(etcd.Control({"user", "grant-role", "root", "root"}));
  ASSERT_TRUE(etcd.Control({"user", "add", "watcher:hunter2"}));
  ASSERT_TRUE(etcd.Control({"role", "add", "watchers"}));
  ASSERT_TRUE(
      etcd.Control({"role", "grant-permission", "watchers", "read", "/service/", "--prefix=true"}));
  ASSERT_TRUE(etcd.Control({"user", "grant-role", "watcher", "watchers"}));
  ASSERT_TRUE(etcd.Control({"auth", "enable"}));
  etcd.SetControlOptions({"--user=root:root-password"});
  feed_.options.etcd.endpoints = {etcd.url()};
  feed_.options.etcd.user = "watcher";
  feed_.options.etcd.password = "hunter2";
  feed_.options.etcd.password_without_tls = true;
  feed_.Start();
  ASSERT_TRUE(feed_.AwaitLeader("n1"));
  etcd.Put(kLeader, "n2");
  ASSERT_TRUE(feed_.AwaitLeader("n2"));
  // A member that is restarted has forgotten its tokens.
  etcd.Stop();
  ASSERT_TRUE(feed_.Await([](const State& state) { return !state.connected; }));
  ASSERT_TRUE(etcd.Start());
  etcd.Put(kLeader, "n3");
  ASSERT_TRUE(feed_.AwaitLeader("n3"));
  feed_.Stop();
}

TEST_F(EtcdLiveTest, AWrongPasswordIsRefused) {
  LiveEtcd etcd;
  ASSERT_TRUE(etcd.Start());
  ASSERT_TRUE(etcd.Control({"user", "add", "root:root-password"}));
  ASSERT_TRUE(etcd.Control({"user", "grant-role", "root", "root"}));
  ASSERT_TRUE(etcd.Control({"auth", "enable"}));
  feed_.options.etcd.endpoints = {etcd.url()};
  feed_.options.etcd.user = "root";
  feed_.options.etcd.password = "hunter2";
  feed_.options.etcd.password_without_tls = true;
  auto feed = topology::PatroniFeed::Create(feed_.options);
  ASSERT_TRUE(feed.ok() && (*feed)->Start().ok());
  ASSERT_TRUE(feed_.Await([](const State& state) { return !state.last_error.ok(); }));
  EXPECT_THAT(feed_.LastError(), HasSubstr("authentication failed"));
  (*feed)->Stop();
}

// ---- TLS ----------------------------------------------------------------------------------------

class EtcdTlsLiveTest : public EtcdLiveTest {
 protected:
  std::string File(const std::string& name, const std::string& text) const {
    return WriteTextFile(folder_.path() + "/" + name, text);
  }

  // An etcd that shows a certificate for these names, and asks for one of the feed.
  std::unique_ptr<LiveEtcd> StartEtcd(const std::string& names) {
    CertificateOptions options;
    options.names = names;
    const Certificate server = authority_.Issue("server", options);
    const Certificate client = authority_.Issue("client");
    const std::string ca = File("ca.pem", authority_.certificate());
    const std::string certificate = File("client.pem", client.certificate);
    const std::string key = File("client.key", client.key);
    auto etcd = std::make_unique<LiveEtcd>(
        std::vector<std::string>{"--client-cert-auth", "--trusted-ca-file=" + ca,
                                 "--cert-file=" + File("server.pem", server.certificate),
                                 "--key-file=" + File("server.key", server.key)},
        "https");
    etcd->SetControlOptions({"--cacert=" + ca, "--cert=" + certificate, "--key=" + key,
                             "--insecure-skip-tls-verify=true"});
    feed_.options.etcd.endpoints = {etcd->url()};
    feed_.options.etcd.tls = {ca, certificate, key};
    EXPECT_TRUE(etcd->Start());
    etcd->Put(kLeader, "n1");
    return etcd;
  }

  // Starts the feed, and returns the first error.
  std::string FirstError() {
    auto feed = topology::PatroniFeed::Create(feed_.options);
    if (!feed.ok() || !(*feed)->Start().ok()) return "the feed does not start";
    EXPECT_TRUE(feed_.Await([](const State& state) { return !state.last_error.ok(); }));
    (*feed)->Stop();
    EXPECT_FALSE(feed_.Now().known);
    return feed_.LastError();
  }

  const TemporaryFolder folder_;
  Authority authority_{"an authority"};
};

TEST_F(EtcdTlsLiveTest, BothSidesShowTheirCertificates) {
  const auto etcd = StartEtcd("IP:127.0.0.1");
  feed_.Start();
  ASSERT_TRUE(feed_.AwaitLeader("n1"));
  etcd->Put(kLeader, "n2");
  ASSERT_TRUE(feed_.AwaitLeader("n2"));
  feed_.Stop();
}

TEST_F(EtcdTlsLiveTest, AServerWithAnotherNameIsRefused) {
  const auto etcd = StartEtcd("DNS:db.example");
  EXPECT_THAT(FirstError(), HasSubstr("SSL: no alternative certificate subject name matches"));
}

TEST_F(EtcdTlsLiveTest, AnUnknownAuthorityIsRefused) {
  const auto etcd = StartEtcd("IP:127.0.0.1");
  feed_.options.etcd.tls.ca_file = File("other.pem", Authority("another authority").certificate());
  EXPECT_THAT(FirstError(), HasSubstr("SSL certificate problem"));
}

TEST_F(EtcdTlsLiveTest, AFeedWithoutACertificateIsRefused) {
  const auto etcd = StartEtcd("IP:127.0.0.1");
  feed_.options.etcd.tls.certificate_file.clear();
  feed_.options.etcd.tls.key_file.clear();
  EXPECT_THAT(FirstError(), HasSubstr("certificate"));
}

}  // namespace
}  // namespace failover::test

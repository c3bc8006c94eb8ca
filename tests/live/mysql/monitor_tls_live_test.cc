// The monitor asks a real MariaDB server with TLS. The test makes the authorities and certificates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "failover/mysql/primary_monitor.h"
#include "support/child_process.h"
#include "support/live_mysql_server.h"
#include "support/log_capture.h"
#include "support/recording_listener.h"

namespace failover::mysql {
namespace {

using test::IsServingPrimary;
using testing::Contains;
using testing::HasSubstr;

constexpr std::uint32_t kUid = 1;

class LiveTlsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    MakeAuthority("ca");
    MakeAuthority("other-ca");
    MakeCertificate("server", "DNS:db1.example");
    MakeCertificate("client", "DNS:monitor");
    server_ = LiveServer::Start({"--ssl-ca=" + File("ca.pem"), "--ssl-cert=" + File("server.pem"),
                                 "--ssl-key=" + File("server.key")})
                  .release();
    if (server_ == nullptr) return;
    server_->Run("CREATE USER tls@'%' IDENTIFIED BY 'password' REQUIRE SSL");
    server_->Run("CREATE USER known@'%' IDENTIFIED BY 'password' REQUIRE X509");
  }
  static void TearDownTestSuite() {
    delete server_;
    delete folder_;
  }

  void SetUp() override { ASSERT_NE(server_, nullptr); }

  static std::string File(const std::string& name) { return folder_->path() + "/" + name; }

  static void OpenSsl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), OPENSSL);
    const pid_t process = test::Launch(std::move(arguments), File("log"));
    int status = -1;
    ASSERT_EQ(waitpid(process, &status, 0), process);
    ASSERT_EQ(status, 0);
  }

  static void MakeAuthority(const std::string& name) {
    OpenSsl({"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=" + name,
             "-keyout", File(name + ".key"), "-out", File(name + ".pem")});
  }

  static void MakeCertificate(const std::string& name, const std::string& subject) {
    OpenSsl({"req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-addext",
             "subjectAltName=" + subject, "-keyout", File(name + ".key"), "-out",
             File(name + ".csr")});
    OpenSsl({"x509", "-req", "-in", File(name + ".csr"), "-copy_extensions", "copy", "-CA",
             File("ca.pem"), "-CAkey", File("ca.key"), "-CAcreateserial", "-days", "2", "-out",
             File(name + ".pem")});
  }

  static MonitoredServer Verifying() {
    MonitoredServer server;
    server.alias = {"local", kUid};
    server.host = "127.0.0.1";
    server.port = server_->port();
    server.user = "tls";
    server.password = "password";
    server.tls.mode = TlsMode::kVerify;
    server.tls.ca_file = File("ca.pem");
    server.tls.server_name = "db1.example";
    return server;
  }

  void Watch(const MonitoredServer& server) {
    PrimaryMonitorOptions options;
    options.shards.push_back({"commerce", "0", {server}});
    options.poll_interval = absl::Milliseconds(20);
    options.timeout = absl::Hours(1);
    auto monitor = PrimaryMonitor::Create(options, &listener_);
    ASSERT_TRUE(monitor.ok()) << monitor.status();
    monitor_ = *std::move(monitor);
    ASSERT_TRUE(monitor_->Start().ok());
  }

  void ExpectPrimary(const MonitoredServer& server) {
    Watch(server);
    EXPECT_TRUE(listener_.Await(kUid, IsServingPrimary)) << listener_.last(kUid).last_error;
  }

  // A refusal says nothing about the server, so the monitor only logs it.
  void ExpectRefusal(const MonitoredServer& server, const std::string& problem) {
    Watch(server);
    ASSERT_TRUE(log_.AwaitLine("refuses the monitor"));
    EXPECT_THAT(log_.LinesWith("refuses the monitor"), Contains(HasSubstr(problem)));
    EXPECT_EQ(listener_.count(kUid), 0u);
  }

  static test::TemporaryFolder* folder_;
  static LiveServer* server_;
  test::LogCapture log_;
  test::RecordingListener listener_;
  std::unique_ptr<PrimaryMonitor> monitor_;
};

test::TemporaryFolder* LiveTlsTest::folder_ = nullptr;
LiveServer* LiveTlsTest::server_ = nullptr;

TEST_F(LiveTlsTest, VerifiedServerIsThePrimary) { ExpectPrimary(Verifying()); }

TEST_F(LiveTlsTest, ChangesAreSeenThroughTls) {
  ExpectPrimary(Verifying());
  server_->Run("SET GLOBAL read_only = ON");
  EXPECT_TRUE(listener_.Await(kUid, test::IsPrimaryThatDoesNotServe));
  server_->Run("SET GLOBAL read_only = OFF");
  EXPECT_TRUE(listener_.Await(kUid, IsServingPrimary));
}

TEST_F(LiveTlsTest, ServerOfAnotherAuthorityIsRefused) {
  MonitoredServer server = Verifying();
  server.tls.ca_file = File("other-ca.pem");
  ExpectRefusal(server, "TLS/SSL error");
}

TEST_F(LiveTlsTest, ServerWithAnotherNameIsRefused) {
  MonitoredServer server = Verifying();
  server.tls.server_name = "db2.example";
  ExpectRefusal(server, "2026");
}

TEST_F(LiveTlsTest, CertificateMustBeForTheHostIfThereIsNoServerName) {
  MonitoredServer server = Verifying();
  server.tls.server_name.clear();
  ExpectRefusal(server, "2026");
}

TEST_F(LiveTlsTest, MonitorShowsItsCertificate) {
  MonitoredServer server = Verifying();
  server.user = "known";
  server.tls.certificate_file = File("client.pem");
  server.tls.key_file = File("client.key");
  ExpectPrimary(server);
}

TEST_F(LiveTlsTest, MonitorWithoutACertificateIsRefused) {
  MonitoredServer server = Verifying();
  server.user = "known";
  ExpectRefusal(server, "1045");
}

TEST_F(LiveTlsTest, RequiredTlsEncrypts) {
  MonitoredServer server = Verifying();
  server.tls = {};
  server.tls.mode = TlsMode::kRequired;
  ExpectPrimary(server);
}

TEST_F(LiveTlsTest, AccountThatNeedsTlsRefusesWithoutTls) {
  MonitoredServer server = Verifying();
  server.tls = {};
  ExpectRefusal(server, "1045");
}

}  // namespace
}  // namespace failover::mysql

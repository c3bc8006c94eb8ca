// How the monitor logs in to a real PostgreSQL server: with the methods that servers ask for, and
// with TLS. The test makes the authorities and certificates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "failover/postgres/primary_monitor.h"
#include "support/certificates.h"
#include "support/child_process.h"
#include "support/live_postgres_server.h"
#include "support/log_capture.h"
#include "support/postgres_wire_client.h"
#include "support/recording_listener.h"

namespace failover::postgres {
namespace {

using test::IsServingPrimary;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint32_t kUid = 1;
constexpr char kPassword[] = "a-secret-nobody-may-see";

class LiveLoginTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::Authority authority("ca");
    test::Authority other("other ca");
    const test::Certificate server = authority.Issue("server", {"DNS:db1.example"});
    const test::Certificate client = authority.Issue("certified", {"DNS:monitor"});
    test::WriteTextFile(File("ca.pem"), authority.certificate());
    test::WriteTextFile(File("other.pem"), other.certificate());
    test::WriteTextFile(File("client.pem"), client.certificate);
    test::WriteTextFile(File("client.key"), client.key);
    ASSERT_EQ(chmod(File("client.key").c_str(), S_IRUSR), 0);

    server_ = LiveServer::Start().release();
    if (server_ == nullptr) return;
    server_->WriteDataFile("server.crt", server.certificate);
    server_->WriteDataFile("server.key", server.key);
    server_->WriteDataFile("root.crt", authority.certificate());
    server_->WriteDataFile("pg_hba.conf",
                           "host all postgres 127.0.0.1/32 trust\n"
                           "hostssl all certified 127.0.0.1/32 cert\n"
                           "hostssl all encrypted 127.0.0.1/32 scram-sha-256\n"
                           "host all scram 127.0.0.1/32 scram-sha-256\n"
                           "host all hashed 127.0.0.1/32 md5\n"
                           "host all clear 127.0.0.1/32 password\n"
                           "host all trusted 127.0.0.1/32 trust\n");
    const std::string password = std::string(" LOGIN PASSWORD '") + kPassword + "'; ";
    server_->Run("CREATE ROLE scram" + password + "CREATE ROLE encrypted" + password +
                 "CREATE ROLE clear" + password + "CREATE ROLE trusted LOGIN; " +
                 "CREATE ROLE certified LOGIN; SET password_encryption = md5; " +
                 "CREATE ROLE hashed" + password);
    server_->Run("ALTER SYSTEM SET ssl_ca_file = 'root.crt'");
    server_->Run("ALTER SYSTEM SET ssl = on");
    server_->Signal(SIGHUP);
    WireClient client_of_server(server_->port());
    EXPECT_TRUE(client_of_server.AwaitField("SHOW ssl", "on"));
  }
  static void TearDownTestSuite() {
    delete server_;
    delete folder_;
  }

  void SetUp() override { ASSERT_NE(server_, nullptr); }

  static std::string File(const std::string& name) { return folder_->path() + "/" + name; }

  static MonitoredServer Server(const std::string& user, TlsMode mode) {
    MonitoredServer server;
    server.alias = {"local", kUid};
    server.host = "127.0.0.1";
    server.port = server_->port();
    server.user = user;
    server.password = kPassword;
    server.tls.mode = mode;
    if (mode == TlsMode::kVerify) {
      server.tls.ca_file = File("ca.pem");
      server.tls.server_name = "db1.example";
    }
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
    EXPECT_THAT(log_.lines(), Each(Not(HasSubstr(kPassword))));
  }

  static test::TemporaryFolder* folder_;
  static LiveServer* server_;
  test::LogCapture log_;
  test::RecordingListener listener_;
  std::unique_ptr<PrimaryMonitor> monitor_;
};

test::TemporaryFolder* LiveLoginTest::folder_ = nullptr;
LiveServer* LiveLoginTest::server_ = nullptr;

TEST_F(LiveLoginTest, ScramNeedsNoTls) { ExpectPrimary(Server("scram", TlsMode::kOff)); }

TEST_F(LiveLoginTest, ServerMayAskForNoPassword) {
  ExpectPrimary(Server("trusted", TlsMode::kOff));
}

TEST_F(LiveLoginTest, WrongPasswordIsRefused) {
  MonitoredServer server = Server("scram", TlsMode::kOff);
  server.password = "wrong";
  ExpectRefusal(server, "28P01: password authentication failed for user \"scram\"");
}

TEST_F(LiveLoginTest, MissingPasswordIsRefused) {
  MonitoredServer server = Server("scram", TlsMode::kOff);
  server.password.clear();
  ExpectRefusal(server, "28P01");
}

TEST_F(LiveLoginTest, MissingDatabaseIsRefused) {
  MonitoredServer server = Server("scram", TlsMode::kOff);
  server.database = "nowhere";
  ExpectRefusal(server, "3D000: database \"nowhere\" does not exist");
}

TEST_F(LiveLoginTest, PasswordIsNotSentInClearTextWithoutTls) {
  ExpectRefusal(Server("clear", TlsMode::kOff), "it asks for the password in clear text");
}

TEST_F(LiveLoginTest, Md5IsRefusedWithoutTls) {
  ExpectRefusal(Server("hashed", TlsMode::kOff), "it asks for an md5 of the password");
}

TEST_F(LiveLoginTest, ServerThatWantsTlsRefusesWithoutIt) {
  ExpectRefusal(Server("encrypted", TlsMode::kOff), "28000");
}

TEST_F(LiveLoginTest, UnverifiedTlsBindsScramToTheChannel) {
  ExpectPrimary(Server("encrypted", TlsMode::kRequired));
}

TEST_F(LiveLoginTest, PasswordIsNotSentInClearTextThroughUnverifiedTls) {
  ExpectRefusal(Server("clear", TlsMode::kRequired), "channel binding");
}

TEST_F(LiveLoginTest, Md5IsRefusedThroughUnverifiedTls) {
  ExpectRefusal(Server("hashed", TlsMode::kRequired), "channel binding");
}

TEST_F(LiveLoginTest, VerifiedServerMayAskForThePasswordInClearText) {
  ExpectPrimary(Server("clear", TlsMode::kVerify));
}

TEST_F(LiveLoginTest, VerifiedServerMayAskForAnMd5) {
  ExpectPrimary(Server("hashed", TlsMode::kVerify));
}

TEST_F(LiveLoginTest, ServerOfAnotherAuthorityIsRefused) {
  MonitoredServer server = Server("clear", TlsMode::kVerify);
  server.tls.ca_file = File("other.pem");
  ExpectRefusal(server, "certificate verify failed");
}

TEST_F(LiveLoginTest, ServerWithAnotherNameIsRefused) {
  MonitoredServer server = Server("clear", TlsMode::kVerify);
  server.tls.server_name = "db2.example";
  ExpectRefusal(server, "does not match host name \"db2.example\"");
}

TEST_F(LiveLoginTest, CertificateMustBeForTheHostIfThereIsNoServerName) {
  MonitoredServer server = Server("clear", TlsMode::kVerify);
  server.tls.server_name.clear();
  ExpectRefusal(server, "does not match host name \"127.0.0.1\"");
}

TEST_F(LiveLoginTest, MonitorShowsItsCertificate) {
  MonitoredServer server = Server("certified", TlsMode::kVerify);
  server.password.clear();
  server.tls.certificate_file = File("client.pem");
  server.tls.key_file = File("client.key");
  ExpectPrimary(server);
}

TEST_F(LiveLoginTest, MonitorWithoutACertificateIsRefused) {
  MonitoredServer server = Server("certified", TlsMode::kVerify);
  server.password.clear();
  ExpectRefusal(server, "28000");
}

TEST_F(LiveLoginTest, FileThatIsNoCertificateIsATroubleOfTheRouter) {
  MonitoredServer server = Server("clear", TlsMode::kVerify);
  server.tls.ca_file = test::WriteTextFile(File("nonsense.pem"), "nonsense");
  Watch(server);
  ASSERT_TRUE(log_.AwaitLine("could not be asked"));
  EXPECT_THAT(log_.lines(), Contains(HasSubstr(File("nonsense.pem"))));
}

}  // namespace
}  // namespace failover::postgres

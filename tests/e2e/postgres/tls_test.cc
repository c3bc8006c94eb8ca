// TLS between psql, the PostgreSQL proxy and a real server. The test makes the authorities and the
// certificates: that of the proxy is for localhost, that of the server for db.example.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "cluster_test.h"
#include "proxy_process.h"
#include "support/certificates.h"
#include "support/child_process.h"
#include "support/live_postgres_server.h"
#include "support/postgres_wire_client.h"

namespace postgres_proxy {
namespace {

using failover::postgres::LiveServer;
using failover::postgres::WireClient;
using failover::test::Authority;
using failover::test::Certificate;
using failover::test::TemporaryFolder;
using failover::test::WriteTextFile;
using testing::HasSubstr;

class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteTextFile(File("ca.pem"), authority_.certificate());
    WriteTextFile(File("other-ca.pem"), Authority("other").certificate());
    const Certificate proxy = authority_.Issue("proxy", {"DNS:localhost"});
    WriteTextFile(File("proxy.pem"), proxy.certificate);
    WriteTextFile(File("proxy.key"), proxy.key);
    server_ = LiveServer::Start();
    ASSERT_NE(server_, nullptr);
    server_->Run("CREATE ROLE app LOGIN PASSWORD 'secret'");
  }

  // From now on the server offers TLS, and "app" needs it.
  void EncryptServer() const {
    const Certificate server = authority_.Issue("server", {"DNS:db.example"});
    server_->WriteDataFile("server.crt", server.certificate);
    server_->WriteDataFile("server.key", server.key);
    server_->WriteDataFile("pg_hba.conf",
                           "host all postgres 127.0.0.1/32 trust\n"
                           "hostssl all app 127.0.0.1/32 scram-sha-256\n");
    server_->Run("ALTER SYSTEM SET ssl TO on");
    server_->Run("SELECT pg_reload_conf()");
    WireClient client(server_->port());
    ASSERT_TRUE(client.AwaitField("SHOW ssl", "on"));
  }

  std::string File(const std::string& name) const { return folder_.path() + "/" + name; }

  std::vector<std::string> ForClients(const std::string& mode) const {
    return {"--client-ssl-mode=" + mode, "--client-ssl-cert=" + File("proxy.pem"),
            "--client-ssl-key=" + File("proxy.key")};
  }
  std::vector<std::string> Verifying(const std::string& name = "db.example") const {
    std::vector<std::string> flags;
    for (const std::string side : {"backend", "monitor"}) {
      flags.insert(flags.end(),
                   {"--" + side + "-ssl-mode=verify", "--" + side + "-ssl-ca=" + File("ca.pem")});
    }
    flags.insert(flags.end(),
                 {"--backend-ssl-server-name=" + name, "--monitor-ssl-server-name=db.example"});
    return flags;
  }

  void StartProxy(const std::vector<std::vector<std::string>>& flags) {
    std::vector<std::string> all = Patient();
    for (const auto& more : flags) all.insert(all.end(), more.begin(), more.end());
    proxy_ = ProxyProcess::Start({server_->port()}, "app secret\n", all);
    ASSERT_NE(proxy_, nullptr);
  }

  std::vector<std::string> PsqlWith(const std::string& options, const std::string& sql) const {
    return {"/usr/bin/env",
            "PGPASSWORD=secret",
            PSQL,
            "--no-psqlrc",
            "--no-password",
            "--tuples-only",
            "--no-align",
            "--command=" + sql,
            "host=localhost hostaddr=127.0.0.1 user=app dbname=postgres port=" +
                std::to_string(proxy_->port()) + " " + options};
  }
  std::string Ask(const std::string& options, const std::string& sql = "SELECT 'it works'") const {
    Program psql(PsqlWith(options, sql));
    psql.Await();
    return psql.Output();
  }
  std::string Secure() const { return "sslmode=verify-full sslrootcert=" + File("ca.pem"); }

  const TemporaryFolder folder_;
  mutable Authority authority_{"authority"};
  std::unique_ptr<LiveServer> server_;
  std::unique_ptr<ProxyProcess> proxy_;
};

TEST_F(TlsTest, BothSidesAreEncryptedAndVerified) {
  EncryptServer();
  StartProxy({ForClients("required"), Verifying()});
  EXPECT_EQ(Ask(Secure(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "t\n");
  EXPECT_THAT(Ask(Secure(), "\\conninfo"), HasSubstr("SSL connection"));
  EXPECT_EQ(Ask(Secure(), "SELECT repeat('y', 5000000)").size(), 5'000'001u);
  EXPECT_EQ(Ask("sslmode=require"), "it works\n");
}

TEST_F(TlsTest, AClientFindsOutWhoTheProxyIs) {
  StartProxy({ForClients("allowed")});
  EXPECT_EQ(Ask(Secure()), "it works\n");
  EXPECT_THAT(Ask("sslmode=verify-full sslrootcert=" + File("other-ca.pem")),
              HasSubstr("certificate verify failed"));
  EXPECT_THAT(Ask(Secure() + " host=other.example"), HasSubstr("does not match host name"));
  // The proof of SCRAM-SHA-256-PLUS cannot pass a proxy, so a client that insists stays out.
  EXPECT_THAT(Ask(Secure() + " channel_binding=require"), HasSubstr("channel binding is required"));
}

TEST_F(TlsTest, RequiredRefusesPlainClientsAndAllowedDoesNot) {
  StartProxy({ForClients("required")});
  EXPECT_THAT(Ask("sslmode=disable"), HasSubstr("the proxy requires TLS"));
  StartProxy({ForClients("allowed")});
  EXPECT_EQ(Ask("sslmode=disable"), "it works\n");
  StartProxy({});
  EXPECT_EQ(Ask("sslmode=prefer"), "it works\n");
  EXPECT_THAT(Ask("sslmode=require"), HasSubstr("server does not support SSL"));
}

TEST_F(TlsTest, AServerThatIsNotTheRightOneGetsNoLogin) {
  EncryptServer();
  StartProxy({Verifying("another.example")});
  EXPECT_THAT(Ask(""), HasSubstr("hostname mismatch"));
}

TEST_F(TlsTest, AServerWithoutTls) {
  StartProxy({{"--backend-ssl-mode=preferred"}});
  EXPECT_EQ(Ask(""), "it works\n");
  StartProxy({{"--backend-ssl-mode=required"}});
  EXPECT_THAT(Ask(""), HasSubstr("TLS"));
}

// libpq 15 sends its CancelRequest without TLS.
TEST_F(TlsTest, ACancelReachesTheServer) {
  EncryptServer();
  StartProxy({ForClients("required"), Verifying()});
  Program psql(PsqlWith(Secure(), "SELECT pg_sleep(100)"));
  WireClient watch(server_->port());
  ASSERT_TRUE(
      watch.AwaitField("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", "1"));
  psql.Signal(SIGINT);
  EXPECT_EQ(psql.Await(), 1);
  EXPECT_THAT(psql.Output(), HasSubstr("canceling statement due to user request"));
}

}  // namespace
}  // namespace postgres_proxy

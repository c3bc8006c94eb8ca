// The proxy with TLS on both sides, between real servers and clients of libmariadb. The tests make
// the authorities and the certificates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/handshake.h"
#include "proxy_client.h"
#include "proxy_process.h"
#include "raw_client.h"
#include "support/certificates.h"
#include "support/child_process.h"
#include "support/live_mysql_server.h"

namespace mysql_proxy {

using failover::mysql::LiveServer;
using failover::test::Authority;
using failover::test::Await;
using failover::test::Certificate;
using failover::test::CertificateOptions;
using failover::test::TemporaryFolder;
using failover::test::WriteTextFile;
using testing::HasSubstr;
using testing::Not;

namespace {

// The certificates of the proxy are for this name, which every machine knows.
constexpr char kHost[] = "localhost";

// Two servers with TLS. Their certificates are for db.example.
class TlsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    authority_ = new Authority("authority");
    WriteTextFile(File("ca.pem"), authority_->certificate());
    WriteTextFile(File("other-ca.pem"), Authority("other").certificate());
    WriteCertificate("server", "DNS:db.example");
    WriteCertificate("client", "DNS:client");
    for (auto& server : servers_) {
      server = StartServer("server").release();
      ASSERT_NE(server, nullptr);
    }
  }
  static void TearDownTestSuite() {
    for (auto& server : servers_) delete server;
    delete authority_;
    delete folder_;
  }

  void SetUp() override {
    WriteCertificate("proxy", "DNS:localhost");
    SetReadOnly(1, true);
    SetReadOnly(0, false);
    Run(0, "TRUNCATE TABLE d.t");
    Run(1, "TRUNCATE TABLE d.t");
  }

  static std::string File(const std::string& name) { return folder_->path() + "/" + name; }
  static void WriteCertificate(const std::string& name, const std::string& names,
                               bool expired = false, Authority& authority = *authority_) {
    CertificateOptions options;
    options.names = names;
    options.expired = expired;
    const Certificate certificate = authority.Issue(name, options);
    WriteTextFile(File(name + ".pem"), certificate.certificate);
    WriteTextFile(File(name + ".key"), certificate.key);
  }
  static std::unique_ptr<LiveServer> StartServer(const std::string& certificate) {
    auto server =
        LiveServer::Start({"--ssl-ca=" + File("ca.pem"), "--ssl-cert=" + File(certificate + ".pem"),
                           "--ssl-key=" + File(certificate + ".key"), "--performance-schema=OFF"});
    if (server != nullptr) server->Run("CREATE USER monitor@'%'");
    return server;
  }
  static void Run(int server, const std::string& sql) { servers_[server]->Run(sql); }
  static void SetReadOnly(int server, bool read_only) {
    Run(server, std::string("SET GLOBAL read_only = ") + (read_only ? "ON" : "OFF"));
  }

  static std::vector<std::string> Verifying() {
    return {"--backend-ssl-mode=verify", "--backend-ssl-ca=" + File("ca.pem"),
            "--backend-ssl-server-name=db.example"};
  }
  static std::vector<std::string> ForClients(const std::string& mode) {
    return {"--client-ssl-mode=" + mode, "--client-ssl-cert=" + File("proxy.pem"),
            "--client-ssl-key=" + File("proxy.key")};
  }

  void StartProxyFor(const std::vector<std::uint16_t>& ports,
                     const std::vector<std::vector<std::string>>& flags) {
    std::vector<std::string> all = {"--enable-buffer",
                                    "--buffer-window=1h",
                                    "--buffer-max-failover-duration=1h",
                                    "--buffer-min-time-between-failovers=2h",
                                    "--poll-timeout=1h",
                                    "--connect-timeout=1h",
                                    "--login-timeout=1h",
                                    "--silence-limit=1h",
                                    "--drain-timeout=1h"};
    for (const auto& more : flags) all.insert(all.end(), more.begin(), more.end());
    proxy_ = ProxyProcess::Start(ports, all);
    ASSERT_NE(proxy_, nullptr);
  }
  void StartProxy(const std::vector<std::vector<std::string>>& flags) {
    StartProxyFor({servers_[0]->port(), servers_[1]->port()}, flags);
  }
  std::uint16_t port() const { return proxy_->port(); }

  // A client that checks who the proxy is.
  static ProxyClientOptions Secure() {
    ProxyClientOptions options;
    options.tls = true;
    options.ca = File("ca.pem");
    options.host = kHost;
    return options;
  }
  // A client that encrypts, and does not check who the proxy is.
  static ProxyClientOptions Encrypted() {
    ProxyClientOptions options;
    options.tls = true;
    return options;
  }

  void ExpectBackendRefused(const std::string& why) {
    ProxyClient client(port());
    EXPECT_EQ(client.error().number, 3168u);
    EXPECT_THAT(client.error().text, HasSubstr(why));
  }

  static TemporaryFolder* folder_;
  static Authority* authority_;
  static LiveServer* servers_[2];
  std::unique_ptr<ProxyProcess> proxy_;
};

TemporaryFolder* TlsTest::folder_ = nullptr;
Authority* TlsTest::authority_ = nullptr;
LiveServer* TlsTest::servers_[2] = {};

TEST_F(TlsTest, BothSidesAreEncrypted) {
  StartProxy({Verifying(), ForClients("required")});
  ProxyClient client(port(), Secure());
  ASSERT_EQ(client.error().number, 0u) << client.error().text;
  EXPECT_NE(mysql_get_ssl_cipher(client.handle()), nullptr);
  EXPECT_NE(client.Ask("SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS "
                       "WHERE VARIABLE_NAME = 'SSL_CIPHER'"),
            "")
      << "the connection to the backend is plain";
  EXPECT_EQ(client.Ask("SELECT REPEAT('y', 5000000)").size(), 5'000'000u);
  EXPECT_EQ(client.Ask("SELECT LENGTH('" + std::string(5'000'000, 'x') + "')"), "5000000");
  ProxyStatement statement(client, "SELECT CONCAT(?, 'b')");
  EXPECT_EQ(statement.Execute({"a"}), "ab");
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (1)").number, 0u);
}

TEST_F(TlsTest, AStatementIsHeldAndRepeatedThroughTls) {
  StartProxy({Verifying(), ForClients("required")});
  ProxyClient client(port(), Secure());
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (1)").number, 0u) << client.error().text;
  SetReadOnly(0, true);
  client.Send("INSERT INTO t VALUES (2)");
  EXPECT_TRUE(Await([this] { return proxy_->State("held") == "1"; }));
  SetReadOnly(1, false);
  EXPECT_EQ(client.Receive().number, 0u) << client.error().text;
  EXPECT_EQ(client.Ask("SELECT i FROM t"), "2");
}

// The watch for clients that leave must see through TLS.
TEST_F(TlsTest, AClientThatLeavesGivesUpItsPlace) {
  StartProxy({Verifying(), ForClients("required")});
  auto client = std::make_unique<ProxyClient>(port(), Secure());
  EXPECT_EQ(client->Run("INSERT INTO t VALUES (1)").number, 0u) << client->error().text;
  SetReadOnly(0, true);
  client->Send("INSERT INTO t VALUES (2)");
  EXPECT_TRUE(Await([this] { return proxy_->State("held") == "1"; }));
  shutdown(static_cast<int>(mysql_get_socket(client->handle())), SHUT_RDWR);
  EXPECT_TRUE(Await([this] { return proxy_->State("held") == "0"; }));
  EXPECT_TRUE(Await([this] { return proxy_->State("connections") == "0"; }));
}

TEST_F(TlsTest, TheProgramMariadbVerifiesTheProxy) {
  if (std::string(MARIADB_CLIENT).empty()) GTEST_SKIP() << "there is no program mariadb";
  StartProxy({Verifying(), ForClients("required")});
  const auto run = [this](const std::vector<std::string>& flags, std::string& output) {
    std::vector<std::string> command = {MARIADB_CLIENT,
                                        "--no-defaults",
                                        "--protocol=TCP",
                                        std::string("--host=") + kHost,
                                        "--port=" + std::to_string(port()),
                                        std::string("--user=") + failover::mysql::kAppUser,
                                        std::string("--password=") + failover::mysql::kAppPassword,
                                        "--execute=SELECT 'it works'; \\s"};
    command.insert(command.end(), flags.begin(), flags.end());
    return RunProgram(std::move(command), output);
  };
  std::string output;
  EXPECT_EQ(run({"--ssl", "--ssl-verify-server-cert", "--ssl-ca=" + File("ca.pem")}, output), 0)
      << output;
  EXPECT_THAT(output, HasSubstr("it works"));
  EXPECT_THAT(output, HasSubstr("Cipher in use"));
  EXPECT_NE(run({"--ssl", "--ssl-verify-server-cert", "--ssl-ca=" + File("other-ca.pem")}, output),
            0);
  EXPECT_THAT(output, Not(HasSubstr("it works")));
  EXPECT_NE(run({"--skip-ssl"}, output), 0);
  EXPECT_THAT(output, HasSubstr("ERROR 1045 (28000): Access denied for user 'app'"));
}

TEST_F(TlsTest, RequiredRefusesPlainClients) {
  StartProxy({ForClients("required")});
  ProxyClient plain(port());
  EXPECT_EQ(plain.error().number, 1045u);
  EXPECT_EQ(plain.error().sqlstate, "28000");
  EXPECT_THAT(proxy_->Output(), HasSubstr("the client does not use TLS"));
  EXPECT_EQ(ProxyClient(port(), Encrypted()).error().number, 0u);
}

TEST_F(TlsTest, AllowedServesBothKindsOfClients) {
  StartProxy({ForClients("allowed")});
  ProxyClient plain(port());
  ProxyClient encrypted(port(), Secure());
  EXPECT_EQ(plain.Ask("SELECT 1"), "1");
  EXPECT_EQ(encrypted.Ask("SELECT 2"), "2");
  EXPECT_EQ(mysql_get_ssl_cipher(plain.handle()), nullptr);
  EXPECT_NE(mysql_get_ssl_cipher(encrypted.handle()), nullptr);
}

TEST_F(TlsTest, WithoutTlsAClientThatVerifiesGoesAway) {
  StartProxy({});
  EXPECT_EQ(ProxyClient(port(), Secure()).error().number, 2026u);
  EXPECT_EQ(ProxyClient(port()).error().number, 0u);
}

TEST_F(TlsTest, APlainLoginBehindTheRequestForTlsIsNotTaken) {
  StartProxy({ForClients("allowed")});
  Login login;
  login.capabilities = capability::kProtocol41 | capability::kSecureConnection | capability::kTls;
  login.user = "app";
  std::string wire;
  std::uint8_t sequence = 1;
  PutPacket(BuildTlsRequest(login), sequence, wire);
  PutPacket(BuildLogin(login), sequence, wire);
  RawClient client(port());
  ASSERT_TRUE(client.AwaitGreeting());
  client.Send(wire);
  EXPECT_TRUE(client.AwaitEnd());
  EXPECT_TRUE(Await([this] { return proxy_->State("connections") == "0"; }));
  EXPECT_EQ(ProxyClient(port(), Secure()).error().number, 0u);
}

TEST_F(TlsTest, ClientsMustShowACertificateIfTheProxyWantsOne) {
  StartProxy({ForClients("required"), {"--client-ssl-ca=" + File("ca.pem")}});
  ProxyClientOptions known = Secure();
  known.certificate = File("client.pem");
  known.key = File("client.key");
  EXPECT_EQ(ProxyClient(port(), known).Ask("SELECT 1"), "1");
  EXPECT_NE(ProxyClient(port(), Secure()).error().number, 0u);
  EXPECT_TRUE(Await([this] {
    return proxy_->Output().find("peer did not return a certificate") != std::string::npos;
  })) << proxy_->Output();
}

TEST_F(TlsTest, TheProxyShowsItsCertificateToTheBackends) {
  for (int i = 0; i < 2; ++i) Run(i, "ALTER USER app@'%' REQUIRE X509");
  StartProxy({Verifying(), {"--monitor-user=monitor"}});
  EXPECT_EQ(ProxyClient(port()).error().number, 1045u) << "the proxy has shown no certificate";
  StartProxy({Verifying(),
              {"--monitor-user=monitor", "--backend-ssl-cert=" + File("client.pem"),
               "--backend-ssl-key=" + File("client.key")}});
  EXPECT_EQ(ProxyClient(port()).Ask("SELECT 1"), "1");
  for (int i = 0; i < 2; ++i) Run(i, "ALTER USER app@'%' REQUIRE NONE");
}

TEST_F(TlsTest, ABackendWithAnotherNameIsRefused) {
  StartProxy({{"--backend-ssl-mode=verify", "--backend-ssl-ca=" + File("ca.pem"),
               "--backend-ssl-server-name=db2.example"}});
  ExpectBackendRefused("hostname mismatch");
}

TEST_F(TlsTest, ABackendMustHaveACertificateForItsAddress) {
  StartProxy({{"--backend-ssl-mode=verify", "--backend-ssl-ca=" + File("ca.pem")}});
  ExpectBackendRefused("IP address mismatch");
}

TEST_F(TlsTest, ABackendOfAnotherAuthorityIsRefused) {
  StartProxy({{"--backend-ssl-mode=verify", "--backend-ssl-ca=" + File("other-ca.pem"),
               "--backend-ssl-server-name=db.example"}});
  ExpectBackendRefused("certificate is refused");
}

TEST_F(TlsTest, ABackendWithAnExpiredCertificateIsRefused) {
  WriteCertificate("expired", "DNS:db.example", true);
  const auto server = StartServer("expired");
  ASSERT_NE(server, nullptr);
  StartProxyFor({server->port()}, {Verifying()});
  ExpectBackendRefused("certificate has expired");
  StartProxyFor({server->port()}, {{"--backend-ssl-mode=preferred"}});
  EXPECT_EQ(ProxyClient(port()).Ask("SELECT 1"), "1") << "nobody looks at the certificate";
}

TEST_F(TlsTest, ABackendWithoutTlsIsServedOnlyIfTlsIsPreferred) {
  const auto server = LiveServer::Start({"--skip-ssl", "--performance-schema=OFF"});
  ASSERT_NE(server, nullptr);
  for (const char* const mode : {"off", "preferred"}) {
    StartProxyFor({server->port()}, {{std::string("--backend-ssl-mode=") + mode}});
    EXPECT_EQ(ProxyClient(port()).Ask("SELECT 1"), "1") << mode;
  }
  StartProxyFor({server->port()}, {{"--backend-ssl-mode=required"}});
  ExpectBackendRefused("the backend offers no TLS");
}

TEST_F(TlsTest, PreferredEncryptsIfTheBackendCan) {
  StartProxy({{"--backend-ssl-mode=preferred"}});
  EXPECT_NE(ProxyClient(port()).Ask("SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS "
                                    "WHERE VARIABLE_NAME = 'SSL_CIPHER'"),
            "");
}

TEST_F(TlsTest, CertificatesAreReadAgainUnderConnections) {
  StartProxy({Verifying(), ForClients("required")});
  ProxyClient old(port(), Secure());
  ASSERT_EQ(old.error().number, 0u) << old.error().text;

  Authority next("next");
  WriteTextFile(File("next-ca.pem"), next.certificate());
  ProxyClientOptions trusts_next = Secure();
  trusts_next.ca = File("next-ca.pem");
  EXPECT_EQ(ProxyClient(port(), trusts_next).error().number, 2026u);
  WriteCertificate("proxy", "DNS:localhost", false, next);
  EXPECT_EQ(ProxyClient(port(), Secure()).error().number, 0u) << "nobody has asked for a reload";
  proxy_->Signal(SIGHUP);
  EXPECT_TRUE(Await([this] {
    return proxy_->Output().find("certificates were read again") != std::string::npos;
  }));
  EXPECT_EQ(ProxyClient(port(), trusts_next).error().number, 0u);
  EXPECT_EQ(ProxyClient(port(), Secure()).error().number, 2026u);
  EXPECT_EQ(old.Ask("SELECT REPEAT('y', 100000)").size(), 100'000u) << old.error().text;

  WriteTextFile(File("proxy.key"), "no key");
  proxy_->Signal(SIGHUP);
  EXPECT_TRUE(Await([this] {
    return proxy_->Output().find("certificates stay as they were") != std::string::npos;
  }));
  EXPECT_THAT(proxy_->Output(), HasSubstr("--client_ssl_key: cannot use " + File("proxy.key")));
  EXPECT_EQ(ProxyClient(port(), trusts_next).error().number, 0u);
  EXPECT_EQ(old.Ask("SELECT 1"), "1");
}

TEST_F(TlsTest, WrongFlagsAreNamed) {
  const auto output_of = [](std::vector<std::string> flags) {
    flags.insert(flags.end(), {"--servers=127.0.0.1:1", "--users-file=/dev/null",
                               "--backend-user=app", "--listen=127.0.0.1:0"});
    std::string output;
    EXPECT_EQ(ProxyProcess::Run(flags, &output), 2) << output;
    return output;
  };
  EXPECT_THAT(output_of({"--backend-ssl-mode=on"}), HasSubstr("--backend_ssl_mode: must be off"));
  EXPECT_THAT(output_of({"--client-ssl-mode=on"}), HasSubstr("--client_ssl_mode: must be off"));
  EXPECT_THAT(output_of({"--backend-ssl-mode=verify"}), HasSubstr("--backend_ssl_ca: is needed"));
  EXPECT_THAT(output_of({"--max-logins=0"}), HasSubstr("--max_logins: must be at least 1"));
  EXPECT_THAT(output_of({"--max-user-connections=-1"}), HasSubstr("--max_user_connections: must"));
}

}  // namespace
}  // namespace mysql_proxy

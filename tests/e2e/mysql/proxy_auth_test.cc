// Real clients log in to the proxy with each authentication method, and the proxy to real servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy_test.h"
#include "support/certificates.h"
#include "support/child_process.h"
#include "support/rsa_key_pair.h"

namespace mysql_proxy {

using failover::test::Authority;
using failover::test::Certificate;
using failover::test::CertificateOptions;
using failover::test::TemporaryFolder;
using failover::test::WriteTextFile;

namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr char kMethods[][24] = {"mysql_native_password", "caching_sha2_password",
                                 "client_ed25519"};

class AuthTest : public ProxyTest {
 protected:
  void SetUp() override {
    ProxyTest::SetUp();
    users_ = WriteTextFile(
        File("users"),
        "plain its-password\n"
        "native *2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19\n"
        "ed client_ed25519:ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY\n"
        "sha "
        "0x24412430303524031A69251C34295C4B35167C7F1E5A7B63091349503974624D34504B5A4246793548563"
        "36868686F52485A736E4A733368786E427575516C73446469496537\n");
    Authority authority("authority");
    CertificateOptions options;
    options.names = "DNS:localhost";
    const Certificate certificate = authority.Issue("proxy", options);
    WriteTextFile(File("ca.pem"), authority.certificate());
    WriteTextFile(File("proxy.pem"), certificate.certificate);
    WriteTextFile(File("proxy.key"), certificate.key);
    WriteTextFile(File("rsa.key"), failover::test::RsaKeyPair().private_pem);
  }

  std::string File(const std::string& name) const { return folder_.path() + "/" + name; }

  // A proxy that offers TLS.
  void Start(const std::vector<std::string>& flags) {
    std::vector<std::string> all = {"--users-file=" + users_, "--client-ssl-mode=allowed",
                                    "--client-ssl-cert=" + File("proxy.pem"),
                                    "--client-ssl-key=" + File("proxy.key")};
    all.insert(all.end(), flags.begin(), flags.end());
    StartProxy(all);
  }

  ProxyClientOptions As(const std::string& user, const std::string& password,
                        bool tls = false) const {
    ProxyClientOptions options;
    options.user = user;
    options.password = password;
    options.tls = tls;
    if (tls) options.ca = File("ca.pem");
    if (tls) options.host = "localhost";
    return options;
  }

  // Whether libmariadb can log in and ask.
  bool CanLogIn(const ProxyClientOptions& options) {
    ProxyClient client(port(), options);
    error_ = client.error();
    return client.Ask("SELECT 'it works'") == "it works";
  }

  const TemporaryFolder folder_;
  std::string users_;
  MysqlError error_;
};

TEST_F(AuthTest, LibmariadbProvesAPasswordByEachMethod) {
  for (const char* const method : kMethods) {
    SCOPED_TRACE(method);
    Start({std::string("--client-auth-plugin=") + method});
    EXPECT_TRUE(CanLogIn(As("plain", "its-password"))) << error_.text;
    EXPECT_TRUE(CanLogIn(As("plain", "its-password", true))) << error_.text;
    EXPECT_TRUE(CanLogIn(As("native", "password"))) << error_.text;
    EXPECT_TRUE(CanLogIn(As("ed", "secret"))) << error_.text;
    for (const char* const user : {"plain", "native", "ed", "nobody"}) {
      EXPECT_FALSE(CanLogIn(As(user, "wrong")));
      EXPECT_EQ(error_.number, 1045u) << error_.text;
      EXPECT_THAT(error_.text, StartsWith(std::string("Access denied for user '") + user +
                                          "'@'127.0.0.1' (using password: YES)"));
    }
    EXPECT_THAT(proxy().Output(), Not(HasSubstr("its-password")));
  }
}

TEST_F(AuthTest, AHashOfCachingSha2NeedsTlsOnce) {
  Start({});
  EXPECT_FALSE(CanLogIn(As("sha", "foobar")));
  EXPECT_THAT(error_.text, HasSubstr("needs TLS"));
  EXPECT_FALSE(CanLogIn(As("sha", "wrong", true)));
  EXPECT_EQ(error_.number, 1045u) << error_.text;
  EXPECT_TRUE(CanLogIn(As("sha", "foobar", true))) << error_.text;
  EXPECT_TRUE(CanLogIn(As("sha", "foobar"))) << "the proxy remembers: " << error_.text;
  EXPECT_FALSE(CanLogIn(As("sha", "wrong")));
}

TEST_F(AuthTest, AKeyOfTheProxyStandsInForTls) {
  Start({"--client-rsa-key=" + File("rsa.key")});
  EXPECT_FALSE(CanLogIn(As("sha", "wrong")));
  EXPECT_EQ(error_.number, 1045u) << error_.text;
  EXPECT_TRUE(CanLogIn(As("sha", "foobar"))) << error_.text;
}

TEST_F(AuthTest, AChangeOfTheUserMayChangeTheMethod) {
  Start({});
  ProxyClient client(port(), As("plain", "its-password", true));
  const std::pair<const char*, const char*> logins[] = {
      {"ed", "secret"}, {"sha", "foobar"}, {"native", "password"}, {"plain", "its-password"}};
  for (const auto& [user, password] : logins) {
    ASSERT_EQ(mysql_change_user(client.handle(), user, password, "d"), 0)
        << user << ": " << client.KeepError().text;
    EXPECT_EQ(client.Ask("SELECT 1"), "1");
  }
  EXPECT_NE(mysql_change_user(client.handle(), "ed", "wrong", "d"), 0);
  EXPECT_EQ(client.KeepError().number, 1045u) << client.error().text;
}

TEST_F(AuthTest, TheProgramMariadbLogsIn) {
  if (std::string(MARIADB_CLIENT).empty()) GTEST_SKIP() << "there is no program mariadb";
  Start({"--client-auth-plugin=caching_sha2_password"});
  const std::pair<const char*, const char*> logins[] = {
      {"plain", "its-password"}, {"ed", "secret"}, {"sha", "foobar"}};
  for (const auto& [user, password] : logins) {
    std::string output;
    EXPECT_EQ(
        RunProgram({MARIADB_CLIENT, "--no-defaults", "--protocol=TCP", "--host=localhost",
                    "--port=" + std::to_string(port()), std::string("--user=") + user,
                    std::string("--password=") + password, "--ssl", "--ssl-verify-server-cert",
                    "--ssl-ca=" + File("ca.pem"), "--execute=SELECT 'it works'"},
                   output),
        0)
        << user << ": " << output;
    EXPECT_THAT(output, HasSubstr("it works"));
  }
}

TEST_F(AuthTest, PymysqlLogsIn) {
  if (std::string(PYTHON_WITH_PYMYSQL).empty()) GTEST_SKIP() << "there is no PyMySQL";
  const auto run = [this](const std::string& user, const std::string& password, bool tls) {
    std::string output;
    const int code = RunProgram({PYTHON_WITH_PYMYSQL, "-B", AUTH_CLIENT, std::to_string(port()),
                                 user, password, tls ? File("ca.pem") : ""},
                                output);
    return (code == 0 ? "" : "failed: ") + output;
  };
  for (const char* const method : kMethods) {
    SCOPED_TRACE(method);
    Start({std::string("--client-auth-plugin=") + method, "--client-rsa-key=" + File("rsa.key")});
    EXPECT_EQ(run("plain", "its-password", false), "it works\n");
    EXPECT_EQ(run("plain", "its-password", true), "it works\n");
    EXPECT_EQ(run("ed", "secret", false), "it works\n");
    EXPECT_EQ(run("native", "password", true), "it works\n");
    EXPECT_EQ(run("sha", "foobar", false), "it works\n") << "encrypted with the key";
    EXPECT_EQ(run("sha", "foobar", false), "it works\n") << "remembered";
    EXPECT_THAT(run("ed", "wrong", true), HasSubstr("failed: 1045"));
    EXPECT_THAT(run("sha", "wrong", false), HasSubstr("failed: 1045"));
  }
  Start({"--client-auth-plugin=caching_sha2_password"});
  EXPECT_EQ(run("sha", "foobar", true), "it works\n") << "through TLS";
}

TEST_F(AuthTest, AccountsOfABackendMayUseEd25519) {
  if (std::string(AUTH_ED25519_FOLDER).empty()) GTEST_SKIP() << "there is no auth_ed25519.so";
  const auto server =
      LiveServer::Start({std::string("--plugin-dir=") + AUTH_ED25519_FOLDER,
                         "--plugin-load-add=auth_ed25519", "--performance-schema=OFF"});
  ASSERT_NE(server, nullptr);
  server->Run("CREATE USER ed_db@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret')");
  server->Run("GRANT SELECT ON d.* TO ed_db@'%'");
  const std::string users = WriteTextFile(File("accounts"),
                                          "ed its-password ed_db secret\n"
                                          "wrong its-password ed_db wrong\n");
  const auto proxy = ProxyProcess::Start({server->port()}, {"--users-file=" + users});
  ASSERT_NE(proxy, nullptr);
  ProxyClient client(proxy->port(), As("ed", "its-password"));
  EXPECT_EQ(client.Ask("SELECT CURRENT_USER()"), "ed_db@%") << client.error().text;
  EXPECT_EQ(ProxyClient(proxy->port(), As("wrong", "its-password")).error().number, 1045u);
}

TEST_F(AuthTest, MistakesInTheFlagsEndTheStart) {
  const auto run = [this](const std::string& flag) {
    std::string output;
    EXPECT_EQ(ProxyProcess::Run(
                  {"--servers=127.0.0.1:1", "--users-file=" + users_, "--backend-user=app", flag},
                  &output),
              2);
    return output;
  };
  EXPECT_THAT(run("--client-auth-plugin=dialog"), HasSubstr("--client_auth_plugin: must be"));
  EXPECT_THAT(run("--client-rsa-key=/nonexistent"), HasSubstr("cannot read /nonexistent"));
  EXPECT_THAT(run("--client-rsa-key=" + users_), HasSubstr("no RSA key"));
  EXPECT_THAT(run("--client-rsa-key=" + users_), Not(HasSubstr("its-password")));
  EXPECT_THAT(run("--backend-server-public-key=" + File("rsa.key")), HasSubstr("no RSA key"));
}

// What an earlier login by caching_sha2_password has taught lets nobody in with the old password.
TEST_F(AuthTest, AReloadChangesWhoMayLogIn) {
  Start({"--client-auth-plugin=caching_sha2_password"});
  EXPECT_TRUE(CanLogIn(As("plain", "its-password", true))) << error_.text;
  const auto reload = [this](const std::string& users, const std::string& line) {
    WriteTextFile(users_, users);
    proxy().Signal(SIGHUP);
    EXPECT_TRUE(failover::test::Await([&] {
      return proxy().Output().find(line) != std::string::npos;
    })) << proxy().Output();
  };
  reload("plain changed\nother secret\n", "the users were read again");
  EXPECT_FALSE(CanLogIn(As("plain", "its-password", true)));
  EXPECT_EQ(error_.number, 1045u) << error_.text;
  EXPECT_TRUE(CanLogIn(As("plain", "changed", true))) << error_.text;
  EXPECT_TRUE(CanLogIn(As("other", "secret", true))) << error_.text;
  EXPECT_FALSE(CanLogIn(As("native", "password", true))) << "the file has no such user any more";
  reload("plain a b c d\n", "the users stay as they were");
  EXPECT_THAT(proxy().Output(), HasSubstr(users_ + ", line 1: more than 4 words"));
  EXPECT_TRUE(CanLogIn(As("plain", "changed", true))) << error_.text;
}

}  // namespace
}  // namespace mysql_proxy

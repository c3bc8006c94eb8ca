// The options of TLS, and the files that they name.
#include "proxy/core/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "support/certificates.h"
#include "support/child_process.h"

namespace proxy {
namespace {

using failover::test::Authority;
using failover::test::Certificate;
using failover::test::WriteTextFile;
using testing::HasSubstr;

TlsOptions Verifying() {
  TlsOptions options;
  options.backend_mode = BackendTlsMode::kVerify;
  options.backend_files = {"ca", "cert", "key"};
  options.client_mode = ClientTlsMode::kRequired;
  options.client_files = {"ca", "cert", "key"};
  return options;
}

// The text of the error after `change` was made to options that are right.
std::string ProblemAfter(const std::function<void(TlsOptions&)>& change) {
  TlsOptions options = Verifying();
  change(options);
  return std::string(CheckTlsOptions(options).message());
}

TEST(TlsOptionsTest, TheDefaultIsNoTls) { EXPECT_TRUE(CheckTlsOptions({}).ok()); }

TEST(TlsOptionsTest, OptionsThatFitTogetherAreRight) {
  EXPECT_EQ(ProblemAfter([](TlsOptions&) {}), "");
  EXPECT_EQ(ProblemAfter([](TlsOptions& o) { o.backend_server_name = "db"; }), "");
  EXPECT_EQ(ProblemAfter([](TlsOptions& o) { o.client_files.ca.clear(); }), "");
  EXPECT_EQ(ProblemAfter([](TlsOptions& o) {
              o.backend_mode = BackendTlsMode::kPreferred;
              o.backend_files = {};
            }),
            "");
}

TEST(TlsOptionsTest, TheErrorNamesTheFlag) {
  EXPECT_THAT(ProblemAfter([](TlsOptions& o) { o.backend_files.ca.clear(); }),
              HasSubstr("--backend_ssl_ca: is needed"));
  EXPECT_THAT(ProblemAfter([](TlsOptions& o) { o.backend_mode = BackendTlsMode::kRequired; }),
              HasSubstr("--backend_ssl_ca: needs"));
  EXPECT_THAT(ProblemAfter([](TlsOptions& o) {
                o.backend_mode = BackendTlsMode::kPreferred;
                o.backend_files.ca.clear();
                o.backend_server_name = "db";
              }),
              HasSubstr("--backend_ssl_server_name: needs"));
  EXPECT_THAT(ProblemAfter([](TlsOptions& o) { o.backend_files.key.clear(); }),
              HasSubstr("--backend_ssl_key: is needed"));
  EXPECT_THAT(ProblemAfter([](TlsOptions& o) { o.backend_files.certificate.clear(); }),
              HasSubstr("--backend_ssl_cert: is needed"));
  EXPECT_THAT(ProblemAfter([](TlsOptions& o) {
                o.backend_mode = BackendTlsMode::kOff;
                o.backend_files.ca.clear();
              }),
              HasSubstr("--backend_ssl_cert: needs"));
  EXPECT_THAT(ProblemAfter([](TlsOptions& o) { o.client_files.certificate.clear(); }),
              HasSubstr("--client_ssl_cert: is needed"));
  EXPECT_THAT(ProblemAfter([](TlsOptions& o) { o.client_files.key.clear(); }),
              HasSubstr("--client_ssl_key: is needed"));
  EXPECT_THAT(ProblemAfter([](TlsOptions& o) { o.client_mode = ClientTlsMode::kAllowed; }),
              HasSubstr("--client_ssl_ca: needs"));
  EXPECT_THAT(ProblemAfter([](TlsOptions& o) { o.client_mode = ClientTlsMode::kOff; }),
              HasSubstr("--client_ssl_cert: needs"));
}

class TlsFilesTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string Write(const std::string& name, const std::string& text) const {
    return WriteTextFile(Path(name), text);
  }
  // Options for clients, with a certificate that fits.
  TlsOptions ForClients() {
    const Certificate certificate = authority_.Issue("proxy");
    TlsOptions options;
    options.client_mode = ClientTlsMode::kRequired;
    options.client_files = {Write("ca", authority_.certificate()),
                            Write("cert", certificate.certificate), Write("key", certificate.key)};
    return options;
  }
  static std::string ProblemOf(const TlsOptions& options) {
    return std::string(Tls::Load(options).status().message());
  }

  const failover::test::TemporaryFolder folder_;
  Authority authority_{"authority"};
};

TEST_F(TlsFilesTest, WithoutTlsThereIsNoContext) {
  const auto tls = Tls::Load({});
  ASSERT_TRUE(tls.ok());
  EXPECT_EQ((*tls)->clients(), nullptr);
  EXPECT_EQ((*tls)->ForBackend({}).context, nullptr);
  EXPECT_TRUE((*tls)->Reload().ok());
}

TEST_F(TlsFilesTest, TheErrorNamesTheFlagAndTheFile) {
  TlsOptions options = ForClients();
  ASSERT_EQ(ProblemOf(options), "");
  options.client_files.certificate = Path("missing");
  EXPECT_THAT(ProblemOf(options), HasSubstr("--client_ssl_cert: cannot use " + Path("missing")));
  options = ForClients();
  options.client_files.key = Write("nonsense", "no key");
  EXPECT_THAT(ProblemOf(options), HasSubstr("--client_ssl_key: cannot use " + Path("nonsense")));
  options = ForClients();
  options.client_files.ca = folder_.path();
  EXPECT_THAT(ProblemOf(options), HasSubstr("--client_ssl_ca: cannot use " + folder_.path()));
  options = {};
  options.backend_mode = BackendTlsMode::kVerify;
  options.backend_files.ca = Path("missing");
  EXPECT_THAT(ProblemOf(options), HasSubstr("--backend_ssl_ca: cannot use " + Path("missing")));
}

TEST_F(TlsFilesTest, AKeyOfAnotherCertificateIsRefused) {
  const TlsOptions options = ForClients();
  Write("key", authority_.Issue("other").key);
  EXPECT_THAT(ProblemOf(options), HasSubstr("--client_ssl_key: cannot use " + Path("key")));
}

TEST_F(TlsFilesTest, AReloadThatFailsChangesNothing) {
  const auto tls = Tls::Load(ForClients());
  ASSERT_TRUE(tls.ok());
  const TlsContext before = (*tls)->clients();
  Write("cert", authority_.Issue("other").certificate);
  const absl::Status failed = (*tls)->Reload();
  EXPECT_THAT(std::string(failed.message()), HasSubstr("--client_ssl_key: cannot use"));
  EXPECT_EQ((*tls)->clients(), before);
  ForClients();
  EXPECT_TRUE((*tls)->Reload().ok());
  EXPECT_NE((*tls)->clients(), before);
}

TEST_F(TlsFilesTest, TheNameToCheckIsThatOfTheOptionsOrOfTheHost) {
  TlsOptions options;
  options.backend_mode = BackendTlsMode::kVerify;
  options.backend_files.ca = Write("ca", authority_.certificate());
  const Address named{"127.0.0.1", 3306, "db1.example"};
  const Address numeric{"127.0.0.1", 3306};
  EXPECT_EQ((*Tls::Load(options))->ForBackend(named).name, "db1.example");
  EXPECT_EQ((*Tls::Load(options))->ForBackend(numeric).name, "127.0.0.1");
  options.backend_server_name = "db";
  EXPECT_EQ((*Tls::Load(options))->ForBackend(named).name, "db");
  options = {};
  options.backend_mode = BackendTlsMode::kRequired;
  EXPECT_EQ((*Tls::Load(options))->ForBackend(named).name, "") << "nobody checks the name";
}

}  // namespace
}  // namespace proxy

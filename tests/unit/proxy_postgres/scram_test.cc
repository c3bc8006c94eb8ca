#include "proxy/postgres/protocol/scram.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "absl/strings/escaping.h"

namespace postgres_proxy {
namespace {

// The example of RFC 7677, section 3.
constexpr char kPassword[] = "pencil";
constexpr char kSalt[] = "W22ZaJ0SNY7soEsUEjb6gQ==";
constexpr char kClientFirst[] = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr char kServerNonce[] = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr char kServerFirst[] =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr char kClientFinal[] =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr char kServerFinal[] = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

std::string Of(const std::optional<std::string>& message) {
  EXPECT_TRUE(message.has_value());
  return message.has_value() ? *message : std::string();
}

std::string Salt() {
  std::string salt;
  EXPECT_TRUE(absl::Base64Unescape(kSalt, &salt));
  return salt;
}

ScramKeys Keys(const std::string& password) {
  return DeriveKeys(password, Salt(), 4096).value_or(ScramKeys());
}

TEST(ScramTest, TheServerFollowsTheExampleOfTheRfc) {
  const ScramKeys keys = Keys(kPassword);
  ScramServer server(VerifierOf(keys), kServerNonce, true);
  EXPECT_EQ(server.First(kClientFirst), kServerFirst);
  EXPECT_EQ(server.Last(kClientFinal), kServerFinal);
  EXPECT_EQ(server.client_keys().client_key, keys.client_key);
}

TEST(ScramTest, TheProxyLogsInWithTheKeyOfItsClient) {
  const ScramVerifier verifier = VerifierOf(Keys(kPassword));
  ScramServer proxy(verifier, "one", true);
  ScramClient client("two");
  const auto challenge = client.ReadFirst(Of(proxy.First(client.First())));
  ASSERT_TRUE(challenge.has_value());
  ASSERT_TRUE(proxy.Last(client.Final(*challenge, Keys(kPassword))).has_value());
  // The proxy knows no password here.
  ScramServer backend(verifier, "three", true);
  ScramClient proxy_as_client("four");
  const auto second = proxy_as_client.ReadFirst(Of(backend.First(proxy_as_client.First())));
  ASSERT_TRUE(second.has_value());
  const auto last = backend.Last(proxy_as_client.Final(*second, proxy.client_keys()));
  ASSERT_TRUE(last.has_value());
  EXPECT_TRUE(proxy_as_client.Proves(*last));
  EXPECT_FALSE(proxy_as_client.Proves("v="));
  EXPECT_FALSE(proxy_as_client.Proves("e=other-error"));
}

TEST(ScramTest, AWrongPasswordIsRefused) {
  ScramServer server(VerifierOf(Keys(kPassword)), "one", true);
  ScramClient client("two");
  const auto challenge = client.ReadFirst(Of(server.First(client.First())));
  ASSERT_TRUE(challenge.has_value());
  EXPECT_EQ(server.Last(client.Final(*challenge, Keys("pen"))), std::nullopt);
}

TEST(ScramTest, AUserWhoDoesNotExistIsRefusedInTheEnd) {
  ScramServer server(VerifierOf(Keys(kPassword)), kServerNonce, false);
  EXPECT_EQ(server.First(kClientFirst), kServerFirst);
  EXPECT_EQ(server.Last(kClientFinal), std::nullopt);
  EXPECT_EQ(FakeSalt("secret", "a"), FakeSalt("secret", "a"));
  EXPECT_NE(FakeSalt("secret", "a"), FakeSalt("secret", "b"));
}

TEST(ScramTest, AClientThatInsistsOnChannelBindingIsRefused) {
  for (const char* const first : {"p=tls-server-end-point,,n=,r=x", "y,a=admin,n=,r=x", "", "n,,",
                                  "n,,n=user", "n,,r=x,n=", "n,,m=x,n=,r=y", "n,,n=user,r="}) {
    ScramServer server(ScramVerifier(), "one", true);
    EXPECT_EQ(server.First(first), std::nullopt) << first;
  }
}

TEST(ScramTest, TheClientMustRepeatWhatItSaidOfChannelBinding) {
  const ScramVerifier verifier = VerifierOf(Keys(kPassword));
  ScramServer server(verifier, kServerNonce, true);
  ASSERT_TRUE(server.First("y,,n=user,r=rOprNGfwEbeRWgbNEkqO").has_value());
  EXPECT_EQ(server.Last(kClientFinal), std::nullopt);
  for (const char* const last : {"", "c=biws", ",p=", "c=biws,r=x,p=AAAA"}) {
    EXPECT_EQ(server.Last(last), std::nullopt) << last;
  }
}

TEST(ScramTest, AServerMayNotAskForTooMuch) {
  ScramClient client("abc");
  EXPECT_TRUE(client.ReadFirst("r=abcd,s=AAAA,i=4096").has_value());
  for (const char* const first :
       {"", "r=abc,s=AAAA,i=4096", "r=xabcd,s=AAAA,i=4096", "r=abcd,s=,i=4096", "r=abcd,s=!,i=4096",
        "r=abcd,s=AAAA,i=0", "r=abcd,s=AAAA,i=100001", "r=abcd,s=AAAA,i=x", "r=abcd,s=AAAA",
        "s=AAAA,r=abcd,i=4096"}) {
    EXPECT_EQ(client.ReadFirst(first).has_value(), false) << first;
  }
}

TEST(ScramTest, ReadsTheVerifierOfAServer) {
  // As PostgreSQL 15 stored the password "pw" of a role.
  const auto verifier = ParseVerifier(
      "SCRAM-SHA-256$4096:j1mX16J/4VmfsXw/JoZvDw==$fw40zgudOv4KvLhqaW7i9imrgvkaulq2fPEXMnwcnjg=:"
      "GOGEpZXzlc0ju8G7WfalGvwIiKZJ2K3iIIKONV97rfk=");
  ASSERT_TRUE(verifier.has_value());
  const auto keys = DeriveKeys("pw", verifier->salt, verifier->iterations);
  ASSERT_TRUE(keys.has_value());
  EXPECT_EQ(VerifierOf(*keys).stored_key, verifier->stored_key);
  EXPECT_EQ(keys->server_key, verifier->server_key);
}

TEST(ScramTest, OtherTextsAreNoVerifier) {
  for (const char* const text :
       {"", "pw", "SCRAM-SHA-256$4096:AAAA", "SCRAM-SHA-1$4096:AAAA$AAAA:AAAA",
        "SCRAM-SHA-256$4096:AAAA$AAAA:AAAA", "SCRAM-SHA-256$0:AAAA$AAAA:AAAA",
        "SCRAM-SHA-256$$$"}) {
    EXPECT_EQ(ParseVerifier(text).has_value(), false) << text;
  }
}

}  // namespace
}  // namespace postgres_proxy

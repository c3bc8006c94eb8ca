// These tests cover how clients log in to the proxy, with sessions from end to end: what goes over
// the wire, and what hostile clients get.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "session_pair.h"
#include "support/rsa_key_pair.h"

namespace mysql_proxy {
namespace {

using proxy::Task;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kFoobar[] =
    "0x24412430303524031A69251C34295C4B35167C7F1E5A7B63091349503974624D34504B5A424679354856336868"
    "686F52485A736E4A733368786E427575516C73446469496537";
const std::string kFullWanted = {kMoreData, kFullProofWanted};
const std::string kFast = {kMoreData, kFastSuccess};

class ClientLoginTest : public SessionPairTest {
 protected:
  // Reads the greeting and sends a login by this method. Over TLS, if there is `tls`.
  Task<std::string> Begin(Client& client, std::string user, std::string plugin,
                          std::string password, bool encrypt = false) {
    const std::string payload = co_await client.end.Read(0);
    client.greeting = ParseGreeting(payload).value();
    Login login = LoginOf(std::move(user));
    login.auth_plugin = plugin;
    const std::string scramble = client.greeting.scramble;
    if (plugin == kCachingSha2Password) login.auth_answer = FastAnswer(password, scramble);
    if (plugin == kNativePassword) login.auth_answer = ScrambledPassword(password, scramble);
    client.sequence = 1;
    if (encrypt) {
      login.capabilities |= capability::kTls;
      const std::string request = Framed(client.sequence++, BuildTlsRequest(login));
      co_await client.end.Write(request);
      const proxy::BackendTls verify = ClientTls(proxy::BackendTlsMode::kVerify);
      const absl::Status encrypted = co_await client.end.stream().ConnectTls(verify);
      EXPECT_TRUE(encrypted.ok()) << encrypted;
    }
    co_return co_await Say(client, BuildLogin(login));
  }
  // Sends the next packet of a login, and returns the answer.
  Task<std::string> Say(Client& client, std::string payload) {
    const std::string wire = Framed(client.sequence++, payload);
    co_await client.end.Write(wire);
    co_return co_await Hear(client);
  }
  Task<std::string> Hear(Client& client) { co_return co_await client.end.Read(client.sequence++); }

  // Sends bytes that are no answer in the middle of the exchange, and returns what comes.
  Task<> SendNoise(Client& client, std::string wire) {
    const std::string asked = co_await Begin(client, "ed", std::string(kNativePassword), "x");
    EXPECT_THAT(asked, HasSubstr("client_ed25519"));
    co_await client.end.Write(wire);
    client.sequence = 4;
    answer_ = co_await Hear(client);
    client.end.stream().Close();
  }

  std::string answer_;
};

TEST_F(ClientLoginTest, APasswordOfTheFileIsProvedByTheUsualMethod) {
  SetUsers("app secret\n", AuthPlugin::kCachingSha2);
  const auto one = Connect();
  const auto two = Connect();
  RunScript([](auto& test, Client& first, Client& second) -> Task<> {
    const std::string fast =
        co_await test.Begin(first, "app", std::string(kCachingSha2Password), "secret");
    EXPECT_EQ(first.greeting.auth_plugin, kCachingSha2Password);
    EXPECT_EQ(fast, kFast);
    const std::string ok = co_await test.Hear(first);
    EXPECT_TRUE(IsOk(ok));
    const std::string asked =
        co_await test.Begin(second, "app", std::string(kNativePassword), "secret");
    EXPECT_THAT(asked, HasSubstr("caching_sha2_password"));
    const std::string again =
        co_await test.Say(second, FastAnswer("secret", second.greeting.scramble));
    EXPECT_EQ(again, kFast);
    const std::string in = co_await test.Hear(second);
    EXPECT_TRUE(IsOk(in));
    const std::string answer = co_await test.Ask(second, Query("INSERT 1"));
    EXPECT_TRUE(IsOk(answer));
    for (Client* const client : {&first, &second}) client->end.stream().Close();
  }(*this, *one, *two));
  EXPECT_THAT(seen_, ElementsAre("0 in app", "0 in app", "0 INSERT 1"));
}

TEST_F(ClientLoginTest, TheFullWayThroughTlsIsGoneOnce) {
  SetUsers("alice " + std::string(kFoobar) + "\n");
  const auto tls = ServerTls(proxy::ClientTlsMode::kAllowed);
  const auto one = Connect(tls.get());
  const auto two = Connect(tls.get());
  const auto three = Connect(tls.get());
  RunScript([](auto& test, Client& first, Client& second, Client& third) -> Task<> {
    const std::string sha2(kCachingSha2Password);
    const std::string wanted = co_await test.Begin(first, "alice", sha2, "wrong", true);
    EXPECT_EQ(wanted, kFullWanted);
    const std::string refused = co_await test.Say(first, std::string("wrong") + '\0');
    EXPECT_EQ(ErrorIn(refused), 1045);
    const std::string again = co_await test.Begin(second, "alice", sha2, "foobar", true);
    EXPECT_EQ(again, kFullWanted);
    const std::string ok = co_await test.Say(second, std::string("foobar") + '\0');
    EXPECT_TRUE(IsOk(ok)) << ErrorIn(ok);
    // Without TLS, too, because nobody sends a password.
    const std::string fast = co_await test.Begin(third, "alice", sha2, "foobar");
    EXPECT_EQ(fast, kFast);
    const std::string in = co_await test.Hear(third);
    EXPECT_TRUE(IsOk(in));
    for (Client* const client : {&first, &second, &third}) client->end.stream().Close();
  }(*this, *one, *two, *three));
}

TEST_F(ClientLoginTest, WithoutTlsAndKeyTheRefusalSaysWhatIsMissing) {
  SetUsers("alice " + std::string(kFoobar) + "\n");
  const auto one = Connect();
  RunScript([](auto& test, Client& client) -> Task<> {
    const std::string refused =
        co_await test.Begin(client, "alice", std::string(kCachingSha2Password), "foobar");
    EXPECT_EQ(ErrorIn(refused), 1045);
    EXPECT_THAT(refused, HasSubstr("needs TLS"));
  }(*this, *one));
}

TEST_F(ClientLoginTest, TheKeyOfTheProxyStandsInForTls) {
  const failover::test::RsaKeyPair pair;
  mysql_.client_rsa_key = RsaKey::ParsePrivate(pair.private_pem).value();
  SetUsers("alice " + std::string(kFoobar) + "\n");
  const auto one = Connect();
  RunScript([](auto& test, Client& client) -> Task<> {
    co_await test.Begin(client, "alice", std::string(kCachingSha2Password), "foobar");
    const std::string pem = co_await test.Say(client, std::string(1, kRequestPublicKey));
    const auto key = RsaKey::ParsePublic(pem.substr(1));
    EXPECT_TRUE(key.ok()) << pem;
    if (!key.ok()) co_return;
    const std::string ok =
        co_await test.Say(client, key->Encrypt("foobar", client.greeting.scramble).value());
    EXPECT_TRUE(IsOk(ok)) << ErrorIn(ok);
    client.end.stream().Close();
  }(*this, *one));
}

TEST_F(ClientLoginTest, AClientWithoutTlsIsRefusedBeforeItProvesAnything) {
  SetUsers("ed secret\n", AuthPlugin::kEd25519);
  const auto tls = ServerTls(proxy::ClientTlsMode::kRequired);
  const auto one = Connect(tls.get());
  RunScript([](auto& test, Client& client) -> Task<> {
    const std::string refused =
        co_await test.Begin(client, "ed", std::string(kNativePassword), "secret");
    EXPECT_EQ(ErrorIn(refused), 1045);
  }(*this, *one));
}

// The only difference between the two may be the name in the text.
TEST_F(ClientLoginTest, ANameThatDoesNotExistLooksLikeAWrongPassword) {
  for (const AuthPlugin plugin :
       {AuthPlugin::kNative, AuthPlugin::kCachingSha2, AuthPlugin::kEd25519}) {
    SCOPED_TRACE(NameOf(plugin));
    SetUsers("known secret\n", plugin);
    const auto one = Connect();
    const auto two = Connect();
    std::vector<std::string> heard[2];
    const auto script = [](auto& test, Client& client, std::string user,
                           std::vector<std::string>& all) -> Task<> {
      all.push_back(co_await test.Begin(client, user, std::string(kNativePassword), "wrong"));
      if (ErrorIn(all.back()) == 0) {
        // The nonce at the end differs from login to login.
        all.back().resize(15);
        all.push_back(co_await test.Say(client, std::string(64, 'x')));
      }
    };
    Spawn(script(*this, *one, "known", heard[0]));
    Spawn(script(*this, *two, "knowN", heard[1]));
    io_.restart();
    while (heard[0].empty() || heard[1].empty() || ErrorIn(heard[0].back()) == 0 ||
           ErrorIn(heard[1].back()) == 0) {
      ASSERT_GT(io_.run_one_for(failover::test::kPatience), 0u);
    }
    for (std::string& packet : heard[1]) {
      const std::size_t at = packet.find("knowN");
      if (at != std::string::npos) packet.replace(at, 5, "known");
    }
    EXPECT_EQ(heard[0], heard[1]);
  }
  RunScript([]() -> Task<> { co_return; }());
}

TEST_F(ClientLoginTest, AChangeOfTheUserGoesByTheMethodOfTheUser) {
  SetUsers("app secret\ned client_ed25519:ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY\n");
  const auto one = Connect();
  RunScript([](auto& test, Client& client) -> Task<> {
    co_await test.LogIn(client, "app", "secret");
    std::string command = Bytes({0x11});
    PutZeroTerminated("ed", command);
    PutInteger(0, 1, command);
    PutZeroTerminated("", command);
    PutInteger(kDefaultCollation, 2, command);
    PutZeroTerminated(kNativePassword, command);
    const std::string asked = co_await test.Ask(client, command);
    const auto request = ParseAuthSwitch(asked);
    EXPECT_TRUE(request.has_value() && request->plugin == kClientEd25519) << asked;
    if (!request.has_value()) co_return;
    client.sequence = 2;
    const std::string ok =
        co_await test.Say(client, Ed25519Answer("secret", request->scramble).value());
    EXPECT_TRUE(IsOk(ok)) << ErrorIn(ok);
    client.end.stream().Close();
  }(*this, *one));
  EXPECT_THAT(seen_, ElementsAre("0 in app", "0 in app"));
}

// Nothing that comes in the middle of an exchange lets anybody in, or stops the proxy.
TEST_F(ClientLoginTest, NoiseInTheExchangeEndsTheLogin) {
  SetUsers("ed secret\n", AuthPlugin::kEd25519);
  const std::vector<std::string> noise = {
      Framed(3, ""),                        // an empty answer
      Framed(3, std::string(64, '\0')),     // no signature
      Framed(3, std::string(10'000, 'x')),  // too long
      Framed(7, std::string(64, 'x')),      // out of order
      Bytes({0xff, 0xff, 0xff, 3}),         // 16 MB are to come
  };
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < noise.size(); ++i) clients.push_back(Connect());
  RunScript([](auto& test, auto& all, const auto& wires) -> Task<> {
    for (std::size_t i = 0; i < wires.size(); ++i) {
      co_await test.SendNoise(*all[i], wires[i]);
      // Behind a packet that is out of place the proxy says nothing any more.
      EXPECT_EQ(ErrorIn(test.answer_), i < 3 ? 1045 : 0) << i;
      EXPECT_EQ(test.answer_.empty(), i >= 3) << i;
    }
  }(*this, clients, noise));
  EXPECT_THAT(seen_, ElementsAre()) << "nobody reached a backend";
}

TEST_F(ClientLoginTest, AClientMayVanishAnywhereInTheExchange) {
  const failover::test::RsaKeyPair pair;
  mysql_.client_rsa_key = RsaKey::ParsePrivate(pair.private_pem).value();
  SetUsers("alice " + std::string(kFoobar) + "\n");
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(Connect());
  RunScript([](auto& test, auto& all) -> Task<> {
    const std::string native(kNativePassword);
    co_await test.Begin(*all[0], "alice", native, "foobar");
    co_await test.Begin(*all[1], "alice", native, "foobar");
    const std::string half = Framed(3, std::string(32, 'x')).substr(0, 10);
    co_await all[1]->end.Write(half);
    co_await test.Begin(*all[2], "alice", std::string(kCachingSha2Password), "foobar");
    co_await test.Begin(*all[3], "alice", std::string(kCachingSha2Password), "foobar");
    co_await test.Say(*all[3], std::string(1, kRequestPublicKey));
    for (auto& client : all) client->end.stream().Close();
  }(*this, clients));
  EXPECT_EQ(admissions_.logins(), 0) << "their places are free again";
  EXPECT_THAT(seen_, ElementsAre());
}

}  // namespace
}  // namespace mysql_proxy

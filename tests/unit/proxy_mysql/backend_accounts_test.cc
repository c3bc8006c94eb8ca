// These tests cover which account of the backends a session logs in with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "session_pair.h"

namespace mysql_proxy {
namespace {

using proxy::Task;
using testing::ElementsAre;
using testing::HasSubstr;

class BackendAccountsTest : public SessionPairTest {
 protected:
  BackendAccountsTest() {
    SetUsers(
        "alice a alice_db one\n"
        "bob b bob_db two\n"
        "shared s\n");
    accounts_["alice_db"] = "one";
    accounts_["bob_db"] = "two";
  }

  // COM_CHANGE_USER with an answer to the scramble of the greeting.
  static std::string ChangeUser(const Client& client, const std::string& user,
                                const std::string& password) {
    const std::string answer = ScrambledPassword(password, client.greeting.scramble);
    std::string command = Bytes({0x11});
    PutZeroTerminated(user, command);
    PutInteger(answer.size(), 1, command);
    command += answer;
    PutZeroTerminated("", command);
    PutInteger(kDefaultCollation, 2, command);
    PutZeroTerminated(kNativePassword, command);
    return command;
  }
};

TEST_F(BackendAccountsTest, EachUserLogsInWithTheOwnAccount) {
  const auto alice = Connect();
  const auto bob = Connect();
  const auto shared = Connect();
  RunScript([](auto& test, Client& first, Client& second, Client& third) -> Task<> {
    const std::string one = co_await test.LogIn(first, "alice", "a");
    EXPECT_TRUE(IsOk(one)) << ErrorIn(one);
    const std::string two = co_await test.LogIn(second, "bob", "b");
    EXPECT_TRUE(IsOk(two)) << ErrorIn(two);
    const std::string three = co_await test.LogIn(third, "shared", "s");
    EXPECT_TRUE(IsOk(three)) << ErrorIn(three);
    const std::string answer = co_await test.Ask(first, Query("INSERT 1"));
    EXPECT_TRUE(IsOk(answer)) << ErrorIn(answer);
    for (Client* const client : {&first, &second, &third}) client->end.stream().Close();
  }(*this, *alice, *bob, *shared));
  EXPECT_THAT(seen_, ElementsAre("0 in alice_db", "0 in bob_db", "0 in app", "0 INSERT 1"));
}

// The password of the account is no password of the user.
TEST_F(BackendAccountsTest, TheAccountOpensNoDoorOfTheProxy) {
  const auto client = Connect();
  const auto other = Connect();
  RunScript([](auto& test, Client& first, Client& second) -> Task<> {
    const std::string by_password = co_await test.LogIn(first, "alice", "one");
    EXPECT_EQ(ErrorIn(by_password), 1045);
    const std::string by_name = co_await test.LogIn(second, "alice_db", "one");
    EXPECT_EQ(ErrorIn(by_name), 1045);
  }(*this, *client, *other));
  EXPECT_THAT(seen_, ElementsAre());
}

TEST_F(BackendAccountsTest, ABackendThatRefusesTheAccountIsHeard) {
  accounts_.erase("alice_db");
  const auto client = Connect();
  RunScript([](auto& test, Client& alice) -> Task<> {
    const std::string answer = co_await test.LogIn(alice, "alice", "a");
    EXPECT_EQ(ErrorIn(answer), 1045);
  }(*this, *client));
  EXPECT_THAT(seen_, ElementsAre("0 refused alice_db"));
}

TEST_F(BackendAccountsTest, TheNewPrimarySeesTheSameAccount) {
  const auto client = Connect();
  RunScript([](auto& test, Client& alice) -> Task<> {
    co_await test.LogIn(alice, "alice", "a");
    test.Report(1, 2);
    const std::string answer = co_await test.Ask(alice, Query("INSERT 1"));
    EXPECT_TRUE(IsOk(answer)) << ErrorIn(answer);
    alice.end.stream().Close();
  }(*this, *client));
  EXPECT_THAT(seen_, ElementsAre("0 in alice_db", "1 in alice_db", "1 INSERT 1"));
}

TEST_F(BackendAccountsTest, AChangeOfTheUserChangesTheAccount) {
  const auto client = Connect();
  RunScript([](auto& test, Client& one) -> Task<> {
    co_await test.LogIn(one, "alice", "a");
    const std::string changed = co_await test.Ask(one, ChangeUser(one, "bob", "b"));
    EXPECT_TRUE(IsOk(changed)) << ErrorIn(changed);
    test.Report(1, 2);
    co_await test.Ask(one, Query("INSERT 1"));
    const std::string refused = co_await test.Ask(one, ChangeUser(one, "alice", "b"));
    EXPECT_EQ(ErrorIn(refused), 1045);
    const std::string end = co_await test.Ask(one, Query("INSERT 2"));
    EXPECT_EQ(end, "") << "nobody is logged in";
  }(*this, *client));
  EXPECT_THAT(seen_, ElementsAre("0 in alice_db", "0 in bob_db", "1 in bob_db", "1 INSERT 1"));
}

TEST_F(BackendAccountsTest, AKillGoesByTheAccountOfTheUser) {
  const auto killer = Connect();
  const auto victim = Connect();
  const auto stranger = Connect();
  RunScript([](auto& test, Client& one, Client& two, Client& other) -> Task<> {
    co_await test.LogIn(one, "bob", "b");
    co_await test.LogIn(two, "bob", "b");
    co_await test.LogIn(other, "alice", "a");
    const std::string id = std::to_string(two.greeting.connection_id);
    const std::string refused = co_await test.Ask(other, Query("KILL QUERY " + id));
    EXPECT_EQ(ErrorIn(refused), 1095);
    const std::string killed = co_await test.Ask(one, Query("KILL QUERY " + id));
    EXPECT_TRUE(IsOk(killed)) << ErrorIn(killed);
    for (Client* const client : {&one, &two, &other}) client->end.stream().Close();
  }(*this, *killer, *victim, *stranger));
  EXPECT_THAT(seen_, ElementsAre("0 in bob_db", "0 in bob_db", "0 in alice_db", "0 in bob_db",
                                 "0 KILL QUERY 2"));
}

TEST_F(BackendAccountsTest, AReloadChangesTheAccountOfTheNextConnection) {
  accounts_["alice_new"] = "three";
  const auto client = Connect();
  RunScript([](auto& test, Client& alice) -> Task<> {
    co_await test.LogIn(alice, "alice", "a");
    EXPECT_TRUE(test.ReloadUsers("alice a alice_new three\n").ok());
    const std::string before = co_await test.Ask(alice, Query("INSERT 1"));
    EXPECT_TRUE(IsOk(before)) << ErrorIn(before);
    test.Report(1, 2);
    const std::string after = co_await test.Ask(alice, Query("INSERT 2"));
    EXPECT_TRUE(IsOk(after)) << ErrorIn(after);
    alice.end.stream().Close();
  }(*this, *client));
  EXPECT_THAT(seen_, ElementsAre("0 in alice_db", "0 INSERT 1", "1 in alice_new", "1 INSERT 2"));
}

TEST_F(BackendAccountsTest, AUserWhoIsGoneGetsNoOtherConnection) {
  const auto client = Connect();
  const auto victim = Connect();
  RunScript([](auto& test, Client& alice, Client& other) -> Task<> {
    co_await test.LogIn(alice, "alice", "a");
    co_await test.LogIn(other, "alice", "a");
    EXPECT_TRUE(test.ReloadUsers("bob b bob_db two\n").ok());
    const std::string killed =
        co_await test.Ask(alice, Query("KILL " + std::to_string(other.greeting.connection_id)));
    EXPECT_EQ(ErrorIn(killed), 0) << "the victim leaves without a connection of the killer's";
    test.Report(1, 2);
    const std::string refused = co_await test.Ask(alice, Query("INSERT 1"));
    EXPECT_EQ(ErrorIn(refused), 1045);
    EXPECT_FALSE(test.ReloadUsers("alice a alice_db\n").ok()) << "no password";
    const std::string again = co_await test.Ask(alice, Query("INSERT 2"));
    EXPECT_EQ(ErrorIn(again), 1045);
    EXPECT_TRUE(test.ReloadUsers("alice a alice_db one\n").ok());
    const std::string answer = co_await test.Ask(alice, Query("INSERT 3"));
    EXPECT_TRUE(IsOk(answer)) << ErrorIn(answer);
    for (Client* const one : {&alice, &other}) one->end.stream().Close();
  }(*this, *client, *victim));
  EXPECT_THAT(seen_, ElementsAre("0 in alice_db", "0 in alice_db", "1 in alice_db", "1 INSERT 3"));
}

}  // namespace
}  // namespace mysql_proxy

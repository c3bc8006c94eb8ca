// Sessions in front of scripted backends: what clients get, and what the backends get.
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <utility>

#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/protocol/startup.h"
#include "proxy_in_test.h"
#include "scripted_backend.h"
#include "session_script.h"
#include "support/patience.h"

namespace postgres_proxy::test {
namespace {

TEST(SessionTest, AnswersPassAsTheyAre) {
  ScriptedBackend backend(WorksUnless("Q FAIL", {Error("ERROR", "42601", "no") + Ready('I')}));
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  EXPECT_EQ(client.Ask("SELECT 1"), "T D C SELECT 1 Z I ");
  EXPECT_EQ(client.Ask("FAIL"), "E 42601 Z I ");
  EXPECT_EQ(client.Ask(kInsert), "C INSERT 0 1 Z I ");
  client.Send(Extended("", kInsert));
  EXPECT_EQ(client.Receive(), "1 2 C INSERT 0 1 Z I ");
  EXPECT_EQ(backend.Count("PBES INSERT INTO t VALUES (1)"), 1);
}

TEST(SessionTest, RequestsOfAPipelineAreAnsweredInOrder) {
  ScriptedBackend backend(Works);
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Extended("a", kInsert) + Extended("a", "") + Extended("a", ""));
  EXPECT_EQ(client.Receive(), "1 2 C INSERT 0 1 Z I ");
  EXPECT_EQ(client.Receive(), "2 C INSERT 0 1 Z I ");
  EXPECT_EQ(client.Receive(), "2 C INSERT 0 1 Z I ");
}

TEST(SessionTest, AProvenRefusalIsRepeatedOnTheNewPrimary) {
  ScriptedBackend old(WorksUnless(kInserted, {Fatal(), true}));
  ScriptedBackend fresh(Works);
  ProxyInTest proxy({&old, &fresh});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.SendQuery(kInsert);
  proxy.AwaitHeld(1);
  proxy.ReportPrimary(1, 2);
  EXPECT_EQ(client.Receive(), "C INSERT 0 1 Z I ");
  EXPECT_EQ(old.Count(kInserted), 1);
  EXPECT_EQ(fresh.Count(kInserted), 1);
}

TEST(SessionTest, NothingOfARefusedAnswerReachesTheClient) {
  const std::string sql = "PBES INSERT INTO t VALUES (1)";
  ScriptedBackend old(WorksUnless(sql, {ParseComplete() + BindComplete() + Fatal(), true}));
  ScriptedBackend fresh(Works);
  ProxyInTest proxy({&old, &fresh});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Extended("", kInsert));
  proxy.AwaitHeld(1);
  proxy.ReportPrimary(1, 2);
  EXPECT_EQ(client.Receive(), "1 2 C INSERT 0 1 Z I ");
}

TEST(SessionTest, NothingIsRepeatedIfThatIsTurnedOff) {
  ScriptedBackend old(WorksUnless(kInserted, {Fatal(), true}));
  ProxySettings settings;
  settings.repeat_sent = false;
  ProxyInTest proxy({&old}, settings);
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  EXPECT_EQ(client.Ask(kInsert), "E 08007 Z I ");
  EXPECT_EQ(old.Count(kInserted), 1);
}

// The last words of a backend that prove nothing.
TEST(SessionTest, AnUnknownOutcomeIsToldAndNotRepeated) {
  const Answer endings[] = {
      {"", true},
      {Notice("WARNING", "57P01", "terminating connection due to immediate shutdown"), true},
      {Notice("WARNING", "57P02", "terminating connection because of crash"), true},
      {Fields() + Row("1") + Fatal(), true},
      {"\xff\xff\xff\xff\xff nonsense", false},
      {"Z", true},
  };
  for (const Answer& ending : endings) {
    ScriptedBackend backend(WorksUnless(kInserted, ending));
    ProxyInTest proxy({&backend});
    proxy.ReportPrimary(0, 1);
    TestClient client = TestClient::LogIn(proxy.port());
    const std::string answer = client.Ask(kInsert);
    EXPECT_NE(answer.find("E 08007 Z I "), std::string::npos) << answer;
    EXPECT_EQ(backend.Count(kInserted), 1);
    // The session goes on.
    EXPECT_EQ(client.Ask("SELECT 1"), "T D C SELECT 1 Z I ");
  }
}

TEST(SessionTest, AWarningThatIsNotTheLastWordIsPassedOn) {
  ScriptedBackend backend(
      WorksUnless(kInserted, {Notice("WARNING", "57P01", "by a user") + Done("INSERT 0 1")}));
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  EXPECT_EQ(client.Ask(kInsert), "N 57P01 C INSERT 0 1 Z I ");
}

TEST(SessionTest, ALostTransactionIsToldUntilItsRollback) {
  ScriptedBackend backend(WorksUnless(kInserted, {Fatal(), true}));
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  EXPECT_EQ(client.Ask("BEGIN"), "C BEGIN Z T ");
  EXPECT_EQ(client.Ask(kInsert), "E 40001 Z E ");
  EXPECT_EQ(client.Ask("SELECT 1"), "E 25P02 Z E ");
  client.Send(Extended("", "SELECT 1"));
  EXPECT_EQ(client.Receive(), "E 25P02 Z E ");
  EXPECT_EQ(client.Ask("COMMIT"), "C ROLLBACK Z I ");
  EXPECT_EQ(client.Ask("SELECT 1"), "T D C SELECT 1 Z I ");
  EXPECT_EQ(backend.Count("Q COMMIT"), 0);
}

TEST(SessionTest, ATransactionThatIsLostWhileIdleIsToldAtTheNextRequest) {
  for (const std::string sql : {"SELECT 1", "COMMIT", "ROLLBACK"}) {
    ScriptedBackend backend(Works);
    ProxyInTest proxy({&backend});
    proxy.ReportPrimary(0, 1);
    TestClient client = TestClient::LogIn(proxy.port());
    client.Ask("BEGIN");
    backend.Say(Fatal());
    backend.CloseConnections();
    const std::string expected = sql == "SELECT 1" ? "E 40001 Z E "
                                 : sql == "COMMIT" ? "E 40001 Z I "
                                                   : "C ROLLBACK Z I ";
    EXPECT_EQ(client.Ask(sql), expected);
    EXPECT_EQ(backend.Count("Q " + sql), 0);
  }
}

TEST(SessionTest, ACommitIsNeverRepeated) {
  struct Case {
    Answer ending;
    const char* expected;
  };
  const Case cases[] = {
      {{Fatal(), true}, "E 40001 Z I "},
      {{"", true}, "E 08007 Z I "},
      {{Notice("WARNING", "57P01", "canceling the wait"), true}, "E 08007 Z I "},
  };
  for (const Case& c : cases) {
    ScriptedBackend backend(WorksUnless("Q COMMIT", c.ending));
    ProxyInTest proxy({&backend});
    proxy.ReportPrimary(0, 1);
    TestClient client = TestClient::LogIn(proxy.port());
    client.Ask("BEGIN");
    EXPECT_EQ(client.Ask("COMMIT"), c.expected);
    EXPECT_EQ(backend.Count("Q COMMIT"), 1);
  }
}

TEST(SessionTest, AWriteThatAStandbyRefusesIsHeld) {
  ScriptedBackend standby(
      WorksUnless(kInserted, {Error("ERROR", "25006", "read-only transaction") + Ready('I')}));
  ScriptedBackend primary(Works);
  ProxyInTest proxy({&standby, &primary});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.SendQuery(kInsert);
  proxy.AwaitHeld(1);
  proxy.ReportPrimary(1, 2);
  EXPECT_EQ(client.Receive(), "C INSERT 0 1 Z I ");
}

TEST(SessionTest, ARequestThatIsHeldTooLongIsToldSo) {
  ScriptedBackend old(WorksUnless(kInserted, {Fatal(), true}));
  ProxySettings settings;
  settings.window = absl::Seconds(1);
  ProxyInTest proxy({&old}, settings);
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  EXPECT_EQ(client.Ask(kInsert), "E 57P03 Z I ");
}

TEST(SessionTest, ACancelEndsTheWaitOfAHeldRequest) {
  ScriptedBackend old(WorksUnless(kInserted, {Fatal(), true}));
  ProxyInTest proxy({&old});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.SendQuery(kInsert);
  proxy.AwaitHeld(1);
  TestClient other(proxy.port());
  other.Send(BuildCancel({U32At(client.key()), U32At(client.key().substr(4))}));
  EXPECT_EQ(other.Receive(), "end ");
  EXPECT_EQ(client.Receive(), "E 57014 Z I ");
}

TEST(SessionTest, ACancelGoesToTheBackendOfTheSession) {
  ScriptedBackend backend(Works);
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  // The client knows the number of the backend's process, and a secret of the proxy.
  const std::uint32_t pid = U32At(client.key());
  EXPECT_NE(U32At(client.key().substr(4)), 4321u);
  TestClient wrong(proxy.port());
  wrong.Send(BuildCancel({pid, 4321}));
  EXPECT_EQ(wrong.Receive(), "end ");
  TestClient other(proxy.port());
  other.Send(BuildCancel({pid, U32At(client.key().substr(4))}));
  EXPECT_EQ(other.Receive(), "end ");
  backend.AwaitCancel();
  EXPECT_EQ(backend.cancels(), std::vector<std::string>{std::to_string(pid) + "/4321"});
}

TEST(SessionTest, SettingsAndStatementsMoveToTheNewPrimary) {
  ScriptedBackend old(Works);
  ScriptedBackend fresh(Works);
  ProxyInTest proxy({&old, &fresh});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Ask("SET search_path TO a");
  client.Send(Extended("name", kInsert));
  client.Receive();
  const std::string startup = old.AwaitLogins(1);
  proxy.ReportReadOnly(0, 1);
  proxy.ReportPrimary(1, 2);
  client.Send(Extended("name", ""));
  EXPECT_EQ(client.Receive(), "2 C INSERT 0 1 Z I ");
  EXPECT_EQ(fresh.requests(),
            (std::vector<std::string>{"Q SET search_path TO a", "PS name", "BES name"}));
  EXPECT_EQ(fresh.AwaitLogins(1), startup);
}

TEST(SessionTest, WhatCannotBeMovedIsToldOnce) {
  ScriptedBackend backend(Works);
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Ask("CREATE TEMP TABLE t (i int)");
  backend.CloseConnections();
  EXPECT_EQ(client.Ask(kInsert), "E 08006 Z I ");
  EXPECT_NE(client.error().find("temporary tables"), std::string::npos);
  EXPECT_EQ(backend.Count(kInserted), 0);
  EXPECT_EQ(client.Ask(kInsert), "C INSERT 0 1 Z I ");
}

TEST(SessionTest, AListenerThatLosesItsConnectionIsEnded) {
  ScriptedBackend backend(Works);
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Ask("LISTEN c");
  backend.CloseConnections();
  EXPECT_EQ(client.Receive(), "E 57P01 end ");
}

TEST(SessionTest, NotificationsReachAnIdleClient) {
  ScriptedBackend backend(Works);
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Ask("LISTEN c");
  backend.Say(Message(backend::kNotification, std::string(4, '\0') + std::string("c\0p\0", 4)));
  EXPECT_EQ(client.ReceiveTo(backend::kNotification), "A ");
}

TEST(SessionTest, ALoginDuringAFailoverIsHeld) {
  ScriptedBackend old(WorksUnless(kInserted, {Fatal(), true}));
  ScriptedBackend fresh(Works);
  ProxyInTest proxy({&old, &fresh});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.SendQuery(kInsert);
  proxy.AwaitHeld(1);
  TestClient late(proxy.port());
  late.Send(BuildStartup({{"user", "app"}}));
  proxy.AwaitHeld(2);
  proxy.ReportPrimary(1, 2);
  EXPECT_EQ(late.Receive().substr(0, 2), "R ");
  EXPECT_EQ(client.Receive(), "C INSERT 0 1 Z I ");
}

TEST(SessionTest, ALongRowThatBreaksOffEndsTheClientsConnection) {
  const std::string row = Row(std::string(200'000, 'x'));
  ScriptedBackend backend(WorksUnless("Q LONG", {Fields() + row.substr(0, row.size() / 2), true}));
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  EXPECT_EQ(client.Ask("LONG"), "T end ");
}

TEST(SessionTest, ALongRowPasses) {
  ScriptedBackend backend(
      WorksUnless("Q LONG", {Fields() + Row(std::string(3'000'000, 'x')) + Done("SELECT 1")}));
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  EXPECT_EQ(client.Ask("LONG"), "T D C SELECT 1 Z I ");
}

TEST(SessionTest, CopyGoesBothWays) {
  const std::string copy_in = Message(backend::kCopyIn, std::string("\0\0\0", 3));
  ScriptedBackend backend([&](const std::string& request) -> Answer {
    if (request == "Q COPY t FROM STDIN") return {copy_in};
    if (request[0] == 'd') return {};
    if (request[0] == 'c') return {Done("COPY 2")};
    if (request[0] == 'f') return {Error("ERROR", "57014", "fail") + Ready('I')};
    return Works(request);
  });
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.SendQuery("COPY t FROM STDIN");
  EXPECT_EQ(client.ReceiveTo(backend::kCopyIn), "G ");
  client.Send(Message(frontend::kCopyData, std::string(2'000'000, 'x')) +
              Message(frontend::kCopyData, "y") + Message(frontend::kCopyDone, {}));
  EXPECT_EQ(client.Receive(), "C COPY 2 Z I ");
  client.SendQuery("COPY t FROM STDIN");
  client.ReceiveTo(backend::kCopyIn);
  client.Send(Message(frontend::kCopyFail, std::string("no\0", 3)));
  EXPECT_EQ(client.Receive(), "E 57014 Z I ");
  EXPECT_EQ(client.Ask(kInsert), "C INSERT 0 1 Z I ");
}

TEST(SessionTest, AFlushIsAnsweredBeforeTheSync) {
  ScriptedBackend backend([](const std::string& request) -> Answer {
    if (request.rfind("PH", 0) == 0) return {ParseComplete()};
    return Works(request);
  });
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  const std::string zero(1, '\0');
  client.Send(Message(frontend::kParse, "s" + zero + kInsert + zero + std::string(2, '\0')) +
              Message(frontend::kFlush, {}));
  EXPECT_EQ(client.ReceiveTo(backend::kParseComplete), "1 ");
  client.Send(Extended("s", ""));
  EXPECT_EQ(client.Receive(), "2 C INSERT 0 1 Z I ");
}

TEST(SessionTest, AFlushedRequestThatIsLostIsToldAndTheRestIsSkipped) {
  ScriptedBackend backend([](const std::string& request) -> Answer {
    if (request.rfind("PBH", 0) == 0) return {ParseComplete() + BindComplete()};
    if (request.rfind("BES s", 0) == 0) return {Fatal(), true};
    return Works(request);
  });
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  const std::string zero(1, '\0');
  client.Send(Message(frontend::kParse, "s" + zero + kInsert + zero + std::string(2, '\0')) +
              Message(frontend::kBind, zero + "s" + zero + std::string(6, '\0')) +
              Message(frontend::kFlush, {}));
  client.ReceiveTo(backend::kBindComplete);
  client.Send(Extended("s", ""));
  EXPECT_EQ(client.Receive(), "E 08007 Z I ");
  EXPECT_EQ(backend.Count("BES s"), 1);
  EXPECT_EQ(client.Ask("SELECT 1"), "T D C SELECT 1 Z I ");
}

TEST(SessionTest, ClientsThatMakeNoSenseAreSentAway) {
  ScriptedBackend backend(Works);
  ProxySettings settings;
  settings.max_message_size = 10'000;
  ProxyInTest proxy({&backend}, settings);
  proxy.ReportPrimary(0, 1);
  const std::pair<std::string, const char*> cases[] = {
      {Message('?', "x"), "E 08P01 end "},
      {std::string("Q\0\0\0\1", 5), "E 08P01 end "},
      {Message(frontend::kQuery, std::string(20'000, 'x')), "E 54000 end "},
      {Message(frontend::kBind, "x"), "E 08P01 end "},
      {Message(frontend::kTerminate, {}), "end "},
  };
  for (const auto& [bytes, expected] : cases) {
    TestClient client = TestClient::LogIn(proxy.port());
    client.Send(bytes);
    EXPECT_EQ(client.Receive(), expected);
  }
  const std::pair<std::string, const char*> strangers[] = {
      {"GET / HTTP/1.1\r\n\r\n", "end "},
      {std::string("\0\0\0\x08\x04\xd2\x16\x99", 8), "E 08P01 end "},
      {BuildStartup({{"database", "d"}}), "E 28000 end "},
      {BuildStartup({{"user", "app"}, {"replication", "true"}}), "E 0A000 end "},
      {BuildStartup({{"user", "nobody"}}), "E 28P01 end "},
  };
  for (const auto& [bytes, expected] : strangers) {
    TestClient client(proxy.port());
    client.Send(bytes);
    if (bytes.size() == 8) continue;  // the rest of the packet never comes
    EXPECT_EQ(client.Receive(), expected) << bytes;
  }
}

TEST(SessionTest, ADrainEndsIdleSessionsAndWaitsForTransactions) {
  ScriptedBackend backend(Works);
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient idle = TestClient::LogIn(proxy.port());
  TestClient busy = TestClient::LogIn(proxy.port());
  busy.Ask("BEGIN");
  const std::future<void> drained = proxy.Drain(absl::Minutes(1));
  EXPECT_EQ(idle.Receive(), "E 57P01 end ");
  EXPECT_EQ(busy.Ask("IN TRANSACTION"), "C INSERT 0 1 Z T ");
  EXPECT_EQ(busy.Ask("COMMIT"), "C COMMIT Z I ");
  EXPECT_EQ(busy.Receive(), "E 57P01 end ");
  EXPECT_EQ(drained.wait_for(failover::test::kPatience), std::future_status::ready);
}

// --- Bugs that were found by reading ---

TEST(SessionTest, AUserWhoIsGoneGetsNoOtherConnection) {
  ScriptedBackend old(Works);
  ScriptedBackend fresh(Works);
  ProxyInTest proxy({&old, &fresh});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  EXPECT_TRUE(proxy.ReloadUsers("other\n").ok());
  EXPECT_EQ(client.Ask(kInsert), "C INSERT 0 1 Z I ") << "the session has a connection";
  proxy.ReportReadOnly(0, 1);
  proxy.ReportPrimary(1, 2);
  EXPECT_EQ(client.Ask(kInsert), "E 28000 Z I ");
  EXPECT_NE(client.error().find("app may no longer log in"), std::string::npos) << client.error();
  EXPECT_FALSE(proxy.ReloadUsers("app\napp\n").ok()) << "the user twice";
  EXPECT_EQ(client.Ask(kInsert), "E 28000 Z I ");
  EXPECT_TRUE(proxy.ReloadUsers("app\n").ok());
  EXPECT_EQ(client.Ask(kInsert), "C INSERT 0 1 Z I ");
  EXPECT_EQ(fresh.Count(kInserted), 1);
}

}  // namespace
}  // namespace postgres_proxy::test

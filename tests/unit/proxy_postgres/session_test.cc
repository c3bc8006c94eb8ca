// Sessions in front of scripted backends: what clients get, and what the backends get.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/protocol/startup.h"
#include "proxy_in_test.h"
#include "scripted_backend.h"
#include "support/patience.h"

namespace postgres_proxy::test {
namespace {

constexpr char kInsert[] = "INSERT INTO t VALUES (1)";
constexpr char kInserted[] = "Q INSERT INTO t VALUES (1)";

std::string Fatal() {
  return Error("FATAL", "57P01", "terminating connection due to administrator command");
}

std::string Message(char type, std::string_view body) {
  std::string out;
  PutMessage(type, body, out);
  return out;
}

// Parse, Bind, Execute and Sync of a statement with this name; without a text there is no Parse.
std::string Extended(const std::string& name, const std::string& sql) {
  const std::string zero(1, '\0');
  std::string out;
  if (!sql.empty()) {
    out += Message(frontend::kParse, name + zero + sql + zero + std::string(2, '\0'));
  }
  out += Message(frontend::kBind, zero + name + zero + std::string(6, '\0'));
  out += Message(frontend::kExecute, zero + std::string(4, '\0'));
  return out + Message(frontend::kSync, {});
}

std::string ParseComplete() { return Message(backend::kParseComplete, {}); }
std::string BindComplete() { return Message(backend::kBindComplete, {}); }

// What a backend that works answers.
Answer Works(const std::string& request) {
  if (request == "Q BEGIN") return {Done("BEGIN", 'T')};
  if (request == "Q COMMIT") return {Done("COMMIT")};
  if (request == "Q ROLLBACK") return {Done("ROLLBACK")};
  if (request == "Q IN TRANSACTION") return {Done("INSERT 0 1", 'T')};
  if (request == "Q SELECT 1") return {Fields() + Row("1") + Done("SELECT 1")};
  if (request == "Q LISTEN c") return {Done("LISTEN")};
  if (request.rfind("Q SET", 0) == 0) return {Done("SET")};
  if (request == "PBES BEGIN") {
    return {ParseComplete() + BindComplete() + Done("BEGIN", 'T')};
  }
  if (request.rfind("Q DO", 0) == 0) return {Done("DO", 'T')};
  if (request.rfind("PS", 0) == 0) return {ParseComplete() + Ready('I')};
  if (request.rfind("PBES", 0) == 0) return {ParseComplete() + BindComplete() + Done("INSERT 0 1")};
  if (request.rfind("BES", 0) == 0) return {BindComplete() + Done("INSERT 0 1")};
  return {Done("INSERT 0 1")};
}

// A backend that works until a request comes for which it has another answer.
ScriptedBackend::Script WorksUnless(const std::string& special, const Answer& answer) {
  return [=](const std::string& request) { return request == special ? answer : Works(request); };
}

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
    if (request.rfind("PH", 0) == 0) return {ParseComplete()};
    if (request.rfind("BES s", 0) == 0) return {Fatal(), true};
    return Works(request);
  });
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  const std::string zero(1, '\0');
  client.Send(Message(frontend::kParse, "s" + zero + kInsert + zero + std::string(2, '\0')) +
              Message(frontend::kFlush, {}));
  client.ReceiveTo(backend::kParseComplete);
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

TEST(SessionTest, BugAClosedRequestWaitedForEverWhenOnlyItsErrorCame) {
  ScriptedBackend backend(WorksUnless(kInserted, {Error("ERROR", "23505", "duplicate"), true}));
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  EXPECT_EQ(client.Ask(kInsert), "E 23505 Z I ");
  EXPECT_EQ(client.Ask("BEGIN"), "C BEGIN Z T ");
  EXPECT_EQ(client.Ask(kInsert), "E 23505 Z E ");
  EXPECT_EQ(client.Ask("SELECT 1"), "E 25P02 Z E ");
  EXPECT_EQ(client.Ask("ROLLBACK"), "C ROLLBACK Z I ");
  EXPECT_EQ(client.Ask("SELECT 1"), "T D C SELECT 1 Z I ");
  EXPECT_EQ(backend.Count(kInserted), 2);
}

TEST(SessionTest, BugWhatFollowedAToldErrorWasExecutedOnTheNextConnection) {
  ScriptedBackend backend([](const std::string& request) -> Answer {
    if (request.rfind("PH", 0) == 0) return {Error("ERROR", "42601", "syntax"), true};
    return Works(request);
  });
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  const std::string zero(1, '\0');
  client.Send(Message(frontend::kParse, "s" + zero + kInsert + zero + std::string(2, '\0')) +
              Message(frontend::kFlush, {}));
  EXPECT_EQ(client.ReceiveTo(backend::kError), "E 42601 ");
  client.Send(Extended("", kInsert) + Extended("", "SELECT 1"));
  EXPECT_EQ(client.Receive(), "Z I ");
  EXPECT_EQ(client.Receive(), "1 2 C INSERT 0 1 Z I ");
  EXPECT_EQ(backend.Count("PBES INSERT INTO t VALUES (1)"), 0);
  EXPECT_EQ(backend.Count("PBES SELECT 1"), 1);
}

TEST(SessionTest, BugTheUserThatWasCheckedWasNotTheUserOfTheSession) {
  ScriptedBackend backend(Works);
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  for (const char* const name : {"user", "replication"}) {
    TestClient client(proxy.port());
    client.Send(BuildStartup({{"user", "app"}, {"replication", "off"}, {name, "postgres"}}));
    EXPECT_EQ(client.Receive(), "E 08P01 end ");
    EXPECT_NE(client.error().find(name), std::string::npos) << client.error();
  }
}

TEST(SessionTest, BugACommentAtTheEndOfASettingSwallowedTheNextSettings) {
  ScriptedBackend old(Works);
  ScriptedBackend fresh(Works);
  ProxyInTest proxy({&old, &fresh});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Ask("SET search_path TO a -- for now");
  client.Ask("SET statement_timeout TO 5");
  proxy.ReportReadOnly(0, 1);
  proxy.ReportPrimary(1, 2);
  EXPECT_EQ(client.Ask(kInsert), "C INSERT 0 1 Z I ");
  EXPECT_EQ(fresh.Count("Q SET search_path TO a -- for now\n;\nSET statement_timeout TO 5"), 1);
}

// A backend that refuses the first write like a standby, and takes the second.
ScriptedBackend::Script RefusesOnce(const std::string& request, const Answer& refusal) {
  return [=, refused = std::make_shared<bool>(false)](const std::string& asked) {
    if (asked != request || std::exchange(*refused, true)) return Works(asked);
    return refusal;
  };
}

TEST(SessionTest, BugARefusedParseWithANameWasRepeatedOnTheSameConnection) {
  const Answer refusal = {ParseComplete() + BindComplete() +
                          Error("ERROR", "25006", "read-only transaction") + Ready('I')};
  ScriptedBackend backend(RefusesOnce("PBES name", refusal));
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Extended("name", kInsert));
  proxy.AwaitHeld(1);
  proxy.ReportPrimary(0, 2);
  EXPECT_EQ(client.Receive(), "1 2 C INSERT 0 1 Z I ");
  EXPECT_EQ(backend.requests(), (std::vector<std::string>{"PBES name", "CS Sname", "PBES name"}));
  client.Send(Extended("name", ""));
  EXPECT_EQ(client.Receive(), "2 C INSERT 0 1 Z I ");
}

TEST(SessionTest, BugARefusedParseWasKnownToTheServerButNotToTheClient) {
  const Answer refusal = {ParseComplete() + BindComplete() +
                          Error("ERROR", "25006", "read-only transaction") + Ready('I')};
  ScriptedBackend backend(RefusesOnce("PBES name", refusal));
  ProxySettings settings;
  settings.window = absl::Seconds(1);
  ProxyInTest proxy({&backend}, settings);
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Extended("name", kInsert));
  const std::string first = client.Receive();
  EXPECT_EQ(client.Ask("SELECT 1"), "T D C SELECT 1 Z I ") << first;
  EXPECT_EQ(backend.requests()[1], "CS Sname");
}

// The statement moves to a backend that refuses to parse the text there.
TEST(SessionTest, BugAParseThatWasRefusedInATransactionWasToldAsIdle) {
  ScriptedBackend old(Works);
  ScriptedBackend fresh([](const std::string& request) -> Answer {
    if (request == "PS name") return {Error("ERROR", "42P01", "no table") + Ready('E')};
    if (request == "BES name") return {Error("ERROR", "26000", "no statement") + Ready('E')};
    return Works(request);
  });
  ProxyInTest proxy({&old, &fresh});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Extended("name", kInsert));
  client.Receive();
  proxy.ReportReadOnly(0, 1);
  proxy.ReportPrimary(1, 2);
  client.Send(Extended("", "BEGIN"));
  EXPECT_EQ(client.Receive(), "1 2 C BEGIN Z T ");
  // Nothing of this request needs the statement.
  EXPECT_EQ(client.Ask("DO $$ BEGIN END $$"), "C DO Z T ");
  EXPECT_EQ(fresh.Count("PS name"), 0);
  client.Send(Extended("name", ""));
  EXPECT_EQ(client.Receive(), "E 42P01 Z E ");
  EXPECT_EQ(client.Ask("ROLLBACK"), "C ROLLBACK Z I ");
  EXPECT_EQ(fresh.Count("Q ROLLBACK"), 1);
}

TEST(SessionTest, BugWhatCameWithAParseOfTheProxyWasLost) {
  const std::string notification =
      Message(backend::kNotification, std::string(4, '\0') + std::string("c\0p\0", 4));
  const std::string parameter = Message(backend::kParameterStatus, std::string("x\0y\0", 4));
  ScriptedBackend old(Works);
  ScriptedBackend fresh([&](const std::string& request) -> Answer {
    // A half of a message is on its way when the proxy parses the statement.
    if (request == kInserted) return {Done("INSERT 0 1") + notification.substr(0, 7)};
    if (request == "PS name") {
      return {notification.substr(7) + parameter + ParseComplete() +
              Notice("NOTICE", "00000", "n") + Ready('I')};
    }
    return Works(request);
  });
  ProxyInTest proxy({&old, &fresh});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Extended("name", kInsert));
  client.Receive();
  proxy.ReportReadOnly(0, 1);
  proxy.ReportPrimary(1, 2);
  EXPECT_EQ(client.Ask(kInsert), "C INSERT 0 1 Z I ");
  client.Send(Extended("name", ""));
  EXPECT_EQ(client.Receive(), "A S x N 00000 2 C INSERT 0 1 Z I ");
}

TEST(SessionTest, BugAQueryBehindAFailedMessageWaitedForEver) {
  std::string query;
  PutText("SELECT 1", query);
  const std::string zero(1, '\0');
  const std::string parse = zero + "x" + zero + std::string(2, '\0');
  const std::string parse_and_query =
      Message(frontend::kParse, parse) + Message(frontend::kQuery, query);
  ScriptedBackend backend([](const std::string& request) -> Answer {
    if (request == "PQ x") return {Error("ERROR", "42601", "syntax")};
    // The server skips this Query, too.
    if (request == kInserted) return {};
    if (request == "PS x") return {Ready('I')};
    return Works(request);
  });
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(parse_and_query);
  EXPECT_EQ(client.ReceiveTo(backend::kError), "E 42601 ");
  client.SendQuery(kInsert);
  client.Send(Message(frontend::kParse, parse) + Message(frontend::kSync, {}));
  EXPECT_EQ(client.Receive(), "Z I ");
  EXPECT_EQ(backend.Count("PQ x"), 1);
  EXPECT_EQ(client.Ask("SELECT 1"), "T D C SELECT 1 Z I ");
}

TEST(SessionTest, BugAParseOfTheRollbackOfALostTransactionWasForgotten) {
  ScriptedBackend backend(WorksUnless(kInserted, {Fatal(), true}));
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Ask("BEGIN");
  EXPECT_EQ(client.Ask(kInsert), "E 40001 Z E ");
  client.Send(Extended("undo", "ROLLBACK"));
  EXPECT_EQ(client.Receive(), "1 2 C ROLLBACK Z I ");
  client.Send(Extended("undo", ""));
  EXPECT_EQ(client.Receive(), "2 C INSERT 0 1 Z I ");
  EXPECT_EQ(backend.Count("PS undo"), 1);
}

TEST(SessionTest, BugAPassedPartOfTheAnswerToARollbackWasSentAgain) {
  ScriptedBackend backend([](const std::string& request) -> Answer {
    if (request == "PH undo") return {ParseComplete()};
    if (request.rfind("BES", 0) == 0) return {"", true};
    return Works(request);
  });
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Ask("BEGIN");
  const std::string zero(1, '\0');
  client.Send(Message(frontend::kParse, "undo" + zero + "ROLLBACK" + zero + std::string(2, '\0')) +
              Message(frontend::kFlush, {}));
  EXPECT_EQ(client.ReceiveTo(backend::kParseComplete), "1 ");
  client.Send(Extended("undo", ""));
  const std::string answer = client.Receive();
  EXPECT_EQ(answer.find("1 "), std::string::npos) << answer;
  EXPECT_NE(answer.find("Z I "), std::string::npos) << answer;
  EXPECT_EQ(client.Ask("SELECT 1"), "T D C SELECT 1 Z I ");
}

TEST(SessionTest, BugALongRequestAndLongAnswersWaitedForEachOther) {
  std::promise<void> all_said;
  std::shared_future<void> said = all_said.get_future();
  ScriptedBackend* self = nullptr;
  ScriptedBackend backend([&](const std::string& request) -> Answer {
    if (request != "Q FIRST") return Works(request);
    // The backend reads nothing more until all that it says was read.
    self->Say(Done("FIRST"));
    said.wait();
    return {};
  });
  self = &backend;
  ProxySettings settings;
  settings.max_message_size = std::size_t{64} << 20;
  ProxyInTest proxy({&backend}, settings);
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  EXPECT_EQ(client.Ask("FIRST"), "C FIRST Z I ");
  client.SendQuery("INSERT INTO t VALUES ('" + std::string(32'000'000, 'x') + "')");
  std::thread backend_says([&] {
    const std::string notice = Notice("NOTICE", "00000", std::string(1'000'000, 'n'));
    for (int i = 0; i < 32; ++i) backend.Say(notice);
    all_said.set_value();
  });
  EXPECT_NE(client.Receive().find("C INSERT 0 1 Z I "), std::string::npos);
  backend_says.join();
}

}  // namespace
}  // namespace postgres_proxy::test

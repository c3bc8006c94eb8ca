// Bugs that sessions had, in front of scripted backends.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>

#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/protocol/startup.h"
#include "proxy_in_test.h"
#include "scripted_backend.h"
#include "session_script.h"

namespace postgres_proxy::test {
namespace {

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

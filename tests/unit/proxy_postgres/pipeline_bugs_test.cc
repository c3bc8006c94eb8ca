// Bugs that drivers have shown: several statements or a BEGIN in one request, a Flush before the
// Sync, and portals that several requests use.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "proxy/postgres/protocol/message.h"
#include "proxy_in_test.h"
#include "scripted_backend.h"
#include "session_script.h"

namespace postgres_proxy::test {
namespace {

const std::string kZero(1, '\0');

std::string Parse(const std::string& name, const std::string& sql) {
  return Message(frontend::kParse, name + kZero + sql + kZero + std::string(2, '\0'));
}
std::string Bind(const std::string& portal, const std::string& name) {
  return Message(frontend::kBind, portal + kZero + name + kZero + std::string(6, '\0'));
}
std::string DescribeStatement(const std::string& name) {
  return Message(frontend::kDescribe, "S" + name + kZero);
}
std::string Execute(const std::string& portal) {
  return Message(frontend::kExecute, portal + kZero + std::string(4, '\0'));
}
std::string Sync() { return Message(frontend::kSync, {}); }
std::string Flush() { return Message(frontend::kFlush, {}); }

// As the JDBC driver begins a transaction.
std::string BeginAnd(const std::string& sql) {
  return Parse("", "BEGIN") + Bind("", "") + Execute("") + Extended("", sql);
}

std::string Complete(const std::string& tag) {
  return Message(backend::kCommandComplete, tag + kZero);
}
std::string Executed(const std::string& tag) {
  return ParseComplete() + BindComplete() + Complete(tag);
}
std::string Described() {
  return Message(backend::kParameterDescription, std::string(2, '\0')) +
         Message(backend::kNoData, {});
}

constexpr char kBeginAndInsert[] = "PBEPBES BEGIN";

Answer WorksInPipelines(const std::string& request) {
  if (request == kBeginAndInsert) {
    return {Executed("BEGIN") + Executed("INSERT 0 1") + Ready('T')};
  }
  if (request == "PDH name") return {ParseComplete() + Described()};
  if (request == "PDS name") return {ParseComplete() + Described() + Ready('I')};
  return Works(request);
}

// Answers this request so, and ends the connection, once. It works otherwise.
ScriptedBackend::Script EndsOnce(const std::string& special, const std::string& last_words) {
  return [=, ended = false](const std::string& request) mutable -> Answer {
    if (request != special || std::exchange(ended, true)) return WorksInPipelines(request);
    return {last_words, true};
  };
}

// --- BEGIN with the first statement --------------------------------------------------------------

TEST(PipelineTest, BugABeginWithItsFirstStatementWasOfUnknownFate) {
  for (const std::string& last_words : {std::string(), Fatal()}) {
    ScriptedBackend backend(EndsOnce(kBeginAndInsert, last_words));
    ProxyInTest proxy({&backend});
    proxy.ReportPrimary(0, 1);
    TestClient client = TestClient::LogIn(proxy.port());
    client.Send(BeginAnd(kInsert));
    EXPECT_EQ(client.Receive(), "E 40001 Z E ");
    EXPECT_EQ(client.Ask(kInsert), "E 25P02 Z E ");
    EXPECT_EQ(client.Ask("ROLLBACK"), "C ROLLBACK Z I ");
    EXPECT_EQ(backend.Count(kBeginAndInsert), 1);
  }
}

TEST(PipelineTest, BugABeginOfWhichTheClientHadTheAnswerWasOfUnknownFate) {
  ScriptedBackend backend(EndsOnce(kBeginAndInsert, Executed("BEGIN") + Executed("INSERT 0 1")));
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(BeginAnd(kInsert));
  EXPECT_EQ(client.Receive(), "1 2 C BEGIN 1 2 C INSERT 0 1 E 40001 Z E ");
  EXPECT_EQ(client.Ask("ROLLBACK"), "C ROLLBACK Z I ");
}

TEST(PipelineTest, BugAStandbysRefusalBehindABeginWasPassedOn) {
  ScriptedBackend standby([](const std::string& request) -> Answer {
    if (request != kBeginAndInsert) return WorksInPipelines(request);
    return {Executed("BEGIN") + ParseComplete() + BindComplete() +
            Error("ERROR", "25006", "cannot execute INSERT in a read-only transaction") +
            Ready('E')};
  });
  ProxyInTest proxy({&standby});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(BeginAnd(kInsert));
  EXPECT_EQ(client.Receive(), "1 2 C BEGIN 1 2 E 40001 Z E ");
  EXPECT_EQ(client.Ask("ROLLBACK"), "C ROLLBACK Z I ");
}

TEST(PipelineTest, ABeginWithItsRollbackMayCommitWhatComesBehind) {
  ScriptedBackend backend(EndsOnce("PBEPBEPBES BEGIN", Fatal()));
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Parse("", "BEGIN") + Bind("", "") + Execute("") + Parse("", "ROLLBACK") +
              Bind("", "") + Execute("") + Extended("", kInsert));
  EXPECT_EQ(client.Receive(), "E 08007 Z I ");
}

// --- Several statements --------------------------------------------------------------------------

TEST(PipelineTest, BugAPipelineThatWasCutOffBetweenItsStatementsWasNotRepeated) {
  const std::string pipeline = "PBEPBES " + std::string(kInsert);
  const auto works = [=](const std::string& request) -> Answer {
    if (request != pipeline) return Works(request);
    return {Executed("INSERT 0 1") + Executed("INSERT 0 1") + Ready('I')};
  };
  ScriptedBackend old([=](const std::string& request) -> Answer {
    if (request != pipeline) return works(request);
    return {Executed("INSERT 0 1") + Fatal(), true};
  });
  ScriptedBackend fresh(works);
  ProxyInTest proxy({&old, &fresh});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Parse("", kInsert) + Bind("", "") + Execute("") + Extended("", kInsert));
  proxy.AwaitHeld(1);
  proxy.ReportPrimary(1, 2);
  EXPECT_EQ(client.Receive(), "1 2 C INSERT 0 1 1 2 C INSERT 0 1 Z I ");
}

TEST(PipelineTest, APipelineWhoseLastStatementWasAnsweredIsOfUnknownFate) {
  ScriptedBackend backend(EndsOnce("PBEPBES " + std::string(kInsert),
                                   Executed("INSERT 0 1") + Executed("INSERT 0 1") + Fatal()));
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Parse("", kInsert) + Bind("", "") + Execute("") + Extended("", kInsert));
  EXPECT_EQ(client.Receive(), "1 2 C INSERT 0 1 1 2 C INSERT 0 1 E 08007 Z I ");
}

// --- Requests that execute nothing ---------------------------------------------------------------

TEST(PipelineTest, BugAParseOfUnknownFateWasNotRepeated) {
  ScriptedBackend backend(EndsOnce("PDS name", ParseComplete()));
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Parse("name", kInsert) + DescribeStatement("name") + Sync());
  EXPECT_EQ(client.Receive(), "1 t n Z I ");
  EXPECT_EQ(backend.Count("PDS name"), 2);
}

TEST(PipelineTest, BugADeallocateOnANewConnectionFailed) {
  ScriptedBackend old(WorksInPipelines);
  ScriptedBackend fresh([](const std::string& request) -> Answer {
    return request == "Q DEALLOCATE name" ? Answer{Done("DEALLOCATE")} : WorksInPipelines(request);
  });
  ProxyInTest proxy({&old, &fresh});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Parse("name", kInsert) + DescribeStatement("name") + Sync());
  EXPECT_EQ(client.Receive(), "1 t n Z I ");
  proxy.ReportReadOnly(0, 1);
  proxy.ReportPrimary(1, 2);
  EXPECT_EQ(client.Ask("DEALLOCATE name"), "C DEALLOCATE Z I ");
  EXPECT_EQ(fresh.requests(), (std::vector<std::string>{"PS name", "Q DEALLOCATE name"}));
}

// --- Flush ---------------------------------------------------------------------------------------

// As asyncpg prepares a statement.
TEST(PipelineTest, BugAStatementThatWasParsedByFlushWasNotRepeated) {
  ScriptedBackend old(EndsOnce("BES name", Fatal()));
  ScriptedBackend fresh(WorksInPipelines);
  ProxyInTest proxy({&old, &fresh});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Parse("name", kInsert) + DescribeStatement("name") + Flush());
  EXPECT_EQ(client.ReceiveTo(backend::kNoData), "1 t n ");
  client.Send(Extended("name", ""));
  proxy.AwaitHeld(1);
  proxy.ReportPrimary(1, 2);
  EXPECT_EQ(client.Receive(), "2 C INSERT 0 1 Z I ");
  EXPECT_EQ(fresh.Count("PS name"), 1);
}

TEST(PipelineTest, BugAConnectionThatEndedBehindAFlushWasNotReplaced) {
  ScriptedBackend old(WorksInPipelines);
  ScriptedBackend fresh(WorksInPipelines);
  ProxyInTest proxy({&old, &fresh});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Parse("name", kInsert) + DescribeStatement("name") + Flush());
  EXPECT_EQ(client.ReceiveTo(backend::kNoData), "1 t n ");
  old.CloseConnections();
  proxy.ReportReadOnly(0, 1);
  proxy.ReportPrimary(1, 2);
  client.Send(Extended("name", ""));
  EXPECT_EQ(client.Receive(), "2 C INSERT 0 1 Z I ");
}

TEST(PipelineTest, BehindAFailedParseAndFlushNothingIsExecutedUpToTheSync) {
  ScriptedBackend backend([](const std::string& request) -> Answer {
    if (request == "PDH name") return {Error("ERROR", "42601", "syntax")};
    if (request == "BES name") return {Ready('I')};
    return WorksInPipelines(request);
  });
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Send(Parse("name", kInsert) + DescribeStatement("name") + Flush());
  EXPECT_EQ(client.ReceiveTo(backend::kError), "E 42601 ");
  client.Send(Extended("name", ""));
  EXPECT_EQ(client.Receive(), "Z I ");
  EXPECT_EQ(client.Ask(kInsert), "C INSERT 0 1 Z I ");
}

TEST(PipelineTest, BugAFlushInATransactionMayHaveCommitted) {
  ScriptedBackend backend(EndsOnce("PBEH name", ""));
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Ask("BEGIN");
  client.Send(Parse("name", kInsert) + Bind("", "name") + Execute("") + Flush());
  EXPECT_EQ(client.ReceiveTo(backend::kError), "E 40001 ");
  client.Send(Sync());
  EXPECT_EQ(client.Receive(), "Z E ");
}

// --- Portals -------------------------------------------------------------------------------------

// As the JDBC driver fetches rows in portions.
TEST(PipelineTest, BugAPortalOfAnEarlierRequestMayHaveCommitted) {
  ScriptedBackend backend([](const std::string& request) -> Answer {
    if (request == "PBES name") {
      return {ParseComplete() + BindComplete() + Row("1") + Message(backend::kPortalSuspended, {}) +
              Ready('T')};
    }
    if (request == "ES portal") return {"", true};
    return Works(request);
  });
  ProxyInTest proxy({&backend});
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Ask("BEGIN");
  client.Send(Parse("name", "SELECT 1") + Bind("portal", "name") + Execute("portal") + Sync());
  EXPECT_EQ(client.Receive(), "1 2 D s Z T ");
  client.Send(Execute("portal") + Sync());
  EXPECT_EQ(client.Receive(), "E 40001 Z E ");
}

}  // namespace
}  // namespace postgres_proxy::test

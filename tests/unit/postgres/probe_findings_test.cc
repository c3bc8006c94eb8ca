// What a probe finds out about a server, and how long it keeps its connection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <cstdlib>
#include <ostream>
#include <string>

#include "driven_probe.h"

namespace failover::postgres::internal {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ProbeFindingsTest, PrimaryTellsItsTimelineInHexadecimal) {
  FakeServer fake(Answering(PrimaryOn("0000001A")));
  DrivenProbe probe(ServerOf(fake));
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, Seen::kWritable) << found.problem;
  EXPECT_EQ(found.generation, 26u);
  EXPECT_EQ(found.history, "system_identifier=7001");
  EXPECT_EQ(found.identity, "system_identifier=7001;started=1700000000.25;port=5432");
}

TEST(ProbeFindingsTest, ServerInRecoveryIsReadOnlyAndHasNoGeneration) {
  FakeServer fake(Answering(Standby()));
  DrivenProbe probe(ServerOf(fake));
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, Seen::kReadOnly) << found.problem;
  EXPECT_EQ(found.generation, 0u);
  EXPECT_EQ(found.history, "system_identifier=7001");
}

struct SourceCase {
  std::string source;
  Seen seen;
};

void PrintTo(const SourceCase& source, std::ostream* out) { *out << source.source; }

class ReadOnlySourceTest : public testing::TestWithParam<SourceCase> {};

// default_transaction_read_only is on. The monitor's own role says nothing about other sessions.
TEST_P(ReadOnlySourceTest, TellsForWhomWritesAreForbidden) {
  Fields fields = PrimaryOn("00000002");
  fields[5] = GetParam().source;
  FakeServer fake(Answering(fields));
  DrivenProbe probe(ServerOf(fake));
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, GetParam().seen);
  EXPECT_EQ(found.generation, 2u);
  const bool forbidden = GetParam().seen == Seen::kNotReady;
  EXPECT_EQ(found.problem, forbidden ? "default_transaction_read_only is on" : "");
}

INSTANTIATE_TEST_SUITE_P(Sources, ReadOnlySourceTest,
                         testing::Values(SourceCase{"configuration file", Seen::kNotReady},
                                         SourceCase{"command line", Seen::kNotReady},
                                         SourceCase{"database", Seen::kNotReady},
                                         SourceCase{"user", Seen::kWritable},
                                         SourceCase{"database user", Seen::kWritable},
                                         SourceCase{"client", Seen::kWritable}));

TEST(ProbeFindingsTest, ConnectionIsKept) {
  FakeServer fake(Answering(Standby()));
  DrivenProbe probe(ServerOf(fake));
  for (int i = 0; i < 5; ++i) ASSERT_EQ(probe.Poll().seen, Seen::kReadOnly);
  fake.Set(Answering(PrimaryOn("00000002")));
  EXPECT_EQ(probe.Poll().seen, Seen::kWritable);
  EXPECT_EQ(fake.connections(), 1);
}

TEST(ProbeFindingsTest, ConnectionThatWasClosedMeanwhileSaysNothing) {
  FakeServer fake({{LoggedIn(), Answer(Standby())}, 2});
  DrivenProbe probe(ServerOf(fake));
  for (int i = 1; i <= 3; ++i) {
    const Observation found = probe.Poll();
    EXPECT_EQ(found.seen, Seen::kReadOnly) << found.problem;
    EXPECT_EQ(fake.connections(), i);
    ASSERT_TRUE(fake.AwaitNoConnection());
  }
}

TEST(ProbeFindingsTest, AnswerMayComeByteByByte) {
  FakeServer fake(Answering(PrimaryOn("00000003")));
  DrivenProbe probe(ServerOf(fake));
  probe.probe().Begin();
  // A monitor may call at any time.
  while (probe.probe().busy() && !HasFailure()) {
    probe.probe().Continue(0);
    if (probe.probe().busy()) probe.Step();
  }
  EXPECT_EQ(probe.probe().observation().seen, Seen::kWritable);
}

struct RefusalCase {
  std::string sqlstate;
  Seen seen;
};

void PrintTo(const RefusalCase& refusal, std::ostream* out) { *out << refusal.sqlstate; }

class RefusalTest : public testing::TestWithParam<RefusalCase> {};

TEST_P(RefusalTest, OfTheLoginIsUnderstood) {
  FakeServer fake({{ErrorMessage("FATAL", GetParam().sqlstate, "no such luck")}, 1});
  DrivenProbe probe(ServerOf(fake));
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, GetParam().seen) << found.problem;
  EXPECT_THAT(found.problem, HasSubstr(GetParam().sqlstate + ": no such luck"));
}

TEST_P(RefusalTest, OfTheQuestionIsUnderstood) {
  FakeServer fake({{LoggedIn(), ErrorMessage("FATAL", GetParam().sqlstate, "no such luck")}, 2});
  DrivenProbe probe(ServerOf(fake));
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, GetParam().seen) << found.problem;
  EXPECT_THAT(found.problem, HasSubstr(GetParam().sqlstate + ": no such luck"));
}

INSTANTIATE_TEST_SUITE_P(
    SqlStates, RefusalTest,
    testing::Values(RefusalCase{"57P03", Seen::kUnreachable},
                    RefusalCase{"57P01", Seen::kUnreachable}, RefusalCase{"53300", Seen::kFull},
                    RefusalCase{"28P01", Seen::kRefused}, RefusalCase{"28000", Seen::kRefused},
                    RefusalCase{"3D000", Seen::kRefused}, RefusalCase{"42501", Seen::kRefused}),
    [](const auto& refusal) { return refusal.param.sqlstate; });

TEST(ProbeFindingsTest, ServerThatHangsUpIsUnreachable) {
  FakeServer fake({{""}, 1});
  DrivenProbe probe(ServerOf(fake));
  EXPECT_EQ(probe.Poll().seen, Seen::kUnreachable);
}

TEST(ProbeFindingsTest, ServerThatHangsIsHungAtTheDeadline) {
  FakeServer fake({});
  DrivenProbe probe(ServerOf(fake));
  probe.probe().Begin();
  while (probe.probe().event().events == POLLOUT && !HasFailure()) probe.Step();
  ASSERT_TRUE(fake.AwaitMessages(1));
  probe.probe().Expire();
  EXPECT_EQ(probe.probe().observation().seen, Seen::kHung);
  EXPECT_TRUE(fake.AwaitNoConnection());
  fake.Set(Answering(Standby()));
  EXPECT_EQ(probe.Poll().seen, Seen::kReadOnly);
}

TEST(ProbeFindingsTest, RefusedConnectionIsUnreachable) {
  MonitoredServer server;
  {
    const FakeServer gone({});
    server = ServerOf(gone);
  }
  DrivenProbe probe(server);
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, Seen::kUnreachable);
  EXPECT_THAT(found.problem, HasSubstr("refused"));
  EXPECT_THAT(found.problem, Not(HasSubstr("?"))) << "only the first line counts";
}

TEST(ProbeFindingsTest, SocketThatIsMissingIsUnreachable) {
  MonitoredServer server;
  server.unix_socket = "/no-such-folder/.s.PGSQL.5432";
  server.user = "monitor";
  DrivenProbe probe(server);
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, Seen::kUnreachable);
  EXPECT_THAT(found.problem, HasSubstr("/no-such-folder/.s.PGSQL.5432"));
}

TEST(ProbeFindingsTest, NameThatHasNoAddressIsUnreachable) {
  FakeServer fake(Answering(Standby()));
  MonitoredServer server = ServerOf(fake);
  server.host = "db.example";
  bool found = false;
  Probe probe(
      server, [] {},
      [&found](const std::string&) {
        Addresses addresses;
        if (found) addresses.numeric = {"127.0.0.1"};
        addresses.error = "no such name";
        return addresses;
      });
  const auto poll = [&probe] {
    probe.Begin();
    // The look-up runs on a thread of its own, and a connection on loopback needs no patience.
    while (probe.busy()) {
      pollfd event = probe.event();
      if (event.fd >= 0) ::poll(&event, 1, 1000);
      probe.Continue(event.fd >= 0 ? event.revents : 0);
    }
    return probe.observation();
  };
  EXPECT_EQ(poll().seen, Seen::kUnreachable);
  EXPECT_THAT(probe.observation().problem, HasSubstr("no such name"));
  found = true;
  EXPECT_EQ(poll().seen, Seen::kReadOnly);
}

TEST(ProbeErrorsTest, SqlStateIsReadOnlyWhereLibpqWritesIt) {
  EXPECT_EQ(SqlStateIn("connection to server failed: FATAL:  28P01: no"), "28P01");
  EXPECT_EQ(SqlStateIn("FEHLER:  57P03: nein\nLOCATION:  x"), "57P03");
  EXPECT_EQ(SqlStateIn("server closed the connection unexpectedly"), "");
  EXPECT_EQ(SqlStateIn("x:  28p01: no"), "");
  EXPECT_EQ(SqlStateIn("x:  28P01"), "");
  EXPECT_EQ(SqlStateIn("x\ny:  28P01: no"), "");
}

TEST(ProbeErrorsTest, OwnTroubleOfTheRouterIsNotTheServers) {
  const MonitoredServer server;
  for (const char* text : {"could not create socket: Too many open files",
                           "connection to server failed: Cannot assign requested address"}) {
    EXPECT_EQ(FindingFromError({Stage::kConnecting, text, false}, server).seen, Seen::kUnknown);
  }
  // The server's own trouble is not the router's.
  EXPECT_EQ(FindingFromError({Stage::kLogin, "FATAL:  53200: out of memory", true}, server).seen,
            Seen::kRefused);
}

TEST(ProbeErrorsTest, FileThatCannotBeUsedIsATroubleOfTheRouter) {
  MonitoredServer server;
  server.tls.mode = TlsMode::kVerify;
  server.tls.ca_file = "/etc/ca.pem";
  const Finding finding = FindingFromError(
      {Stage::kTls, "could not read root certificate file \"/etc/ca.pem\": no start line", false},
      server);
  EXPECT_EQ(finding.seen, Seen::kUnknown);
}

}  // namespace
}  // namespace failover::postgres::internal

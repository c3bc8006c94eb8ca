// No server but the true one may learn the password of the monitor, and a hostile server may cost
// its own check, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <ostream>
#include <string>

#include "driven_probe.h"
#include "watch/metered_link.h"

namespace failover::postgres::internal {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

struct RequestCase {
  std::string name;
  std::string request;
  std::string problem;
};

void PrintTo(const RequestCase& request, std::ostream* out) { *out << request.name; }

class RogueServerTest : public testing::TestWithParam<RequestCase> {};

TEST_P(RogueServerTest, GetsNothingFromWhichThePasswordFollows) {
  FakeServer rogue({{GetParam().request}});
  DrivenProbe probe(ServerOf(rogue));
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, Seen::kRefused);
  EXPECT_THAT(found.problem, HasSubstr(GetParam().problem));
  ASSERT_TRUE(rogue.AwaitNoConnection());
  EXPECT_THAT(rogue.received(), SizeIs(1)) << "only the first message was sent";
  EXPECT_THAT(rogue.received(), Each(Not(HasSubstr(kPassword))));
}

INSTANTIATE_TEST_SUITE_P(
    Requests, RogueServerTest,
    testing::Values(RequestCase{"ClearText", Authentication(3), "password in clear text"},
                    RequestCase{"Md5", Authentication(5, "salt"), "md5"},
                    RequestCase{"Gss", Authentication(7), "GSSAPI"},
                    RequestCase{"Sspi", Authentication(9), "SSPI"},
                    RequestCase{"Unknown", Authentication(99), "unknown kind 99"},
                    RequestCase{"TooShort", Message('R', "ab"), "too short"}),
    [](const auto& request) { return request.param.name; });

// The rogue server first says something harmless, and asks in the same piece.
TEST(LoginGuardTest, FindsARequestBehindOtherMessages) {
  LoginGuard guard;
  EXPECT_FALSE(guard.Allows(Message('N', "notice") + Authentication(3)));
}

TEST(LoginGuardTest, FindsARequestThatComesInPieces) {
  LoginGuard guard;
  const std::string request = Authentication(3);
  for (std::size_t i = 0; i + 1 < request.size(); ++i) {
    ASSERT_TRUE(guard.Allows(request.substr(i, 1)));
  }
  EXPECT_FALSE(guard.Allows(request.substr(request.size() - 1)));
}

TEST(LoginGuardTest, AllowsScramAndWhatFollowsTheLogin) {
  LoginGuard guard;
  const std::string mechanisms("SCRAM-SHA-256\0\0", 15);
  EXPECT_TRUE(guard.Allows(Authentication(10, mechanisms)));
  EXPECT_TRUE(guard.Allows(Authentication(11, "r=abc,s=c2FsdA==,i=4096")));
  EXPECT_TRUE(guard.Allows(Authentication(12, "v=abc")));
  EXPECT_TRUE(guard.Allows(LoggedIn()));
  EXPECT_TRUE(guard.Allows(std::string(100'000, 'R')));
}

class IterationsTest : public testing::TestWithParam<std::string> {};

// libpq would compute for minutes, and nobody could interrupt it.
TEST_P(IterationsTest, AreLimited) {
  LoginGuard guard;
  EXPECT_FALSE(guard.Allows(Authentication(11, "r=abc,s=c2FsdA==," + GetParam())));
  EXPECT_THAT(guard.problem(), HasSubstr("iterations"));
}

INSTANTIATE_TEST_SUITE_P(Numbers, IterationsTest,
                         testing::Values("i=100001", "i=2147483647", "i=99999999999999999999",
                                         "i= 2000000000", "i=+2000000000", "i=0x7fffffff",
                                         "i=", "j=4096"));

TEST(LoginGuardTest, LimitOfIterationsIsAllowed) {
  LoginGuard guard;
  EXPECT_TRUE(guard.Allows(Authentication(11, "r=abc,s=c2FsdA==,i=100000")));
}

TEST(LoginGuardTest, RefusesWhatIsNoMessage) {
  LoginGuard guard;
  EXPECT_FALSE(guard.Allows("HTTP/1.1 400 Bad Request"));
}

class UnverifiedTlsTest : public testing::TestWithParam<std::string> {};

// What an attacker does who answers that TLS is not supported.
TEST_P(UnverifiedTlsTest, IsNotGivenUp) {
  for (const TlsMode mode : {TlsMode::kRequired, TlsMode::kVerify}) {
    FakeServer rogue({{GetParam()}});
    MonitoredServer server = ServerOf(rogue);
    server.tls.mode = mode;
    if (mode == TlsMode::kVerify) server.tls.ca_file = TEST_CERTIFICATE;
    DrivenProbe probe(server);
    const Observation found = probe.Poll();
    EXPECT_NE(found.seen, Seen::kWritable);
    EXPECT_NE(found.seen, Seen::kReadOnly);
    ASSERT_TRUE(rogue.AwaitNoConnection());
    EXPECT_THAT(rogue.received(), Each(Not(HasSubstr(kPassword))));
    EXPECT_THAT(rogue.received(), Each(Not(HasSubstr("monitor")))) << "not even the user";
  }
}

INSTANTIATE_TEST_SUITE_P(Answers, UnverifiedTlsTest,
                         testing::Values("N", Authentication(3), LoggedIn(),
                                         ErrorMessage("FATAL", "0A000", "no TLS here")));

// libpq would send the password of the environment to any server that asks.
TEST(ProbeSecurityTest, PasswordOfTheEnvironmentIsNotUsed) {
  ASSERT_EQ(setenv("PGPASSWORD", kPassword, 1), 0);
  FakeServer rogue({{Authentication(3), LoggedIn()}});
  MonitoredServer server = ServerOf(rogue);
  server.password.clear();
  DrivenProbe probe(server);
  EXPECT_EQ(probe.Poll().seen, Seen::kRefused);
  unsetenv("PGPASSWORD");
  ASSERT_TRUE(rogue.AwaitNoConnection());
  EXPECT_THAT(rogue.received(), Each(Not(HasSubstr(kPassword))));
}

// What the kernel's buffers of both sides may hold beside what the probe has read.
constexpr std::size_t kBuffers = std::size_t{16} << 20;

struct FloodCase {
  std::string name;
  FakeServer::Script script;
};

void PrintTo(const FloodCase& flood, std::ostream* out) { *out << flood.name; }

class FloodTest : public testing::TestWithParam<FloodCase> {};

TEST_P(FloodTest, IsNotReadToItsEnd) {
  static_assert(kBuffers < FakeServer::kFlood);
  FakeServer fake(GetParam().script);
  DrivenProbe probe(ServerOf(fake));
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, Seen::kUnreachable) << found.problem;
  EXPECT_THAT(found.problem, HasSubstr("65536 bytes"));
  ASSERT_TRUE(fake.AwaitNoConnection());
  EXPECT_LT(fake.flooded(), kBuffers);
}

const std::string kBytes(16'000, 'x');

std::string Parameters() {
  std::string messages;
  for (int i = 0; i < 8; ++i) messages += Message('S', kBytes + '\0' + '\0');
  return messages;
}

INSTANTIATE_TEST_SUITE_P(
    Hostile, FloodTest,
    testing::Values(FloodCase{"Login", {{Authentication(0) + Parameters()}}},
                    FloodCase{"Notices",
                              {{LoggedIn(), Message('N', "M" + kBytes + '\0' + '\0')}, 0, true}},
                    FloodCase{"Rows", {{LoggedIn(), Row(PrimaryOn("00000001"))}, 0, true}},
                    FloodCase{"Results",
                              {{LoggedIn(), Row(PrimaryOn("00000001")) +
                                                Message('C', std::string("SELECT 1\0", 9))},
                               0,
                               true}}),
    [](const auto& flood) { return flood.param.name; });

struct NonsenseCase {
  std::string name;
  std::string answer;
};

void PrintTo(const NonsenseCase& nonsense, std::ostream* out) { *out << nonsense.name; }

class NonsenseTest : public testing::TestWithParam<NonsenseCase> {};

TEST_P(NonsenseTest, EndsTheCheckAndTellsNoRole) {
  FakeServer fake({{LoggedIn(), GetParam().answer}});
  DrivenProbe probe(ServerOf(fake));
  const Observation found = probe.Poll();
  EXPECT_TRUE(found.seen == Seen::kRefused || found.seen == Seen::kUnreachable) << found.problem;
  EXPECT_TRUE(fake.AwaitNoConnection());
}

Fields Changed(std::size_t field, std::optional<std::string> value) {
  Fields fields = PrimaryOn("00000001");
  fields[field] = std::move(value);
  return fields;
}

INSTANTIATE_TEST_SUITE_P(
    Answers, NonsenseTest,
    testing::Values(NonsenseCase{"NoRow",
                                 Message('C', std::string("SELECT 0\0", 9)) + ReadyForQuery()},
                    NonsenseCase{"OneField", Answer({"f"})},
                    NonsenseCase{"NoTimeline", Answer(Changed(1, std::nullopt))},
                    NonsenseCase{"ZeroTimeline", Answer(Changed(1, "00000000"))},
                    NonsenseCase{"StrangeTimeline", Answer(Changed(1, "timeline"))},
                    NonsenseCase{"StrangeRole", Answer(Changed(0, "maybe"))},
                    NonsenseCase{"NoSystem", Answer(Changed(2, std::nullopt))},
                    NonsenseCase{"NoStart", Answer(Changed(3, ""))},
                    NonsenseCase{"Empty", Message('I', "") + ReadyForQuery()},
                    NonsenseCase{"CopyOut", Message('H', std::string("\0\0\0", 3))},
                    NonsenseCase{"CopyIn", Message('G', std::string("\0\0\0", 3))},
                    NonsenseCase{"NoMessage", "HTTP/1.1 400 Bad Request\r\n\r\n"}),
    [](const auto& nonsense) { return nonsense.param.name; });

TEST(ProbeSecurityTest, TextOfAServerForgesNoLogLine) {
  FakeServer fake({{ErrorMessage("FATAL", "28000", "no\x1b[2J\r[error] all is lost")}, 1});
  DrivenProbe probe(ServerOf(fake));
  EXPECT_THAT(probe.Poll().problem, HasSubstr("no?[2J?[error] all is lost"));
}

TEST(ProbeSecurityTest, MeterBeginsAnewWithEachCheck) {
  FakeServer fake(Answering(Standby()));
  DrivenProbe probe(ServerOf(fake));
  // An answer has more than 200 bytes.
  for (std::size_t i = 0; i < MeteredLink::kMostBytes / 200; ++i) {
    ASSERT_EQ(probe.Poll().seen, Seen::kReadOnly);
  }
  EXPECT_EQ(fake.connections(), 1);
}

}  // namespace
}  // namespace failover::postgres::internal

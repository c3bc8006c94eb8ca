// What a probe makes of the errors of a server, of the router's own trouble, and of what a server
// tells about itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "driven_probe.h"
#include "mysql/probe_errors.h"
#include "watch/metered_link.h"

namespace failover::mysql::internal {
namespace {

using testing::HasSubstr;

Observation FoundAtLogin(int error) {
  FakeServer::State state;
  state.mode = FakeServer::Mode::kRefuseLogin;
  state.error = error;
  state.error_text = "of this test";
  FakeServer fake(state);
  return DrivenProbe(ServerOf(fake)).Poll();
}

TEST(ProbeErrorsTest, OfflineModeIsAStateOfTheServer) {
  const Observation found = FoundAtLogin(3032);
  EXPECT_EQ(found.seen, Seen::kNotReady);
  EXPECT_EQ(found.problem, "3032 of this test");
}

TEST(ProbeErrorsTest, RefusalsSayNothingAboutWrites) {
  // Access denied, unknown database, host not allowed or blocked, expired passwords, locked
  // accounts.
  for (const int error : {1044, 1045, 1129, 1130, 1820, 1862, 3118, 4151}) {
    EXPECT_EQ(FoundAtLogin(error).seen, Seen::kRefused) << error;
  }
}

TEST(ProbeErrorsTest, NoConnectionLeftIsFull) {
  for (const int error : {1040, 1203, 1226}) EXPECT_EQ(FoundAtLogin(error).seen, Seen::kFull);
}

TEST(ProbeErrorsTest, ServerThatShutsDownIsUnreachable) {
  EXPECT_EQ(FoundAtLogin(1053).seen, Seen::kUnreachable);
}

std::string ConnectError(int error) {
  return "Can't connect to server on '10.0.0.1' (" + std::to_string(error) + ")";
}

TEST(ProbeErrorsTest, OwnTroubleOfTheRouterIsNotTheServers) {
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, ENETDOWN, EPERM}) {
    for (const unsigned int number : {2001u, 2002u, 2003u, 2004u}) {
      EXPECT_EQ(FindingFromError(number, ConnectError(error)).seen, Seen::kUnknown) << error;
    }
  }
  EXPECT_EQ(FindingFromError(2008, "Client ran out of memory").seen, Seen::kUnknown);
}

TEST(ProbeErrorsTest, ServerThatIsNotThereIsUnreachable) {
  for (const int error : {ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ECONNRESET, ENOENT}) {
    EXPECT_EQ(FindingFromError(2002, ConnectError(error)).seen, Seen::kUnreachable) << error;
  }
  // Only libmariadb's own texts about a connection end with the number of a system's error.
  EXPECT_EQ(FindingFromError(2013, "Lost connection (24)").seen, Seen::kUnreachable);
  EXPECT_EQ(FindingFromError(2002, "no number").seen, Seen::kUnreachable);
}

class NoDescriptorLeft {
 public:
  NoDescriptorLeft() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptorLeft() { setrlimit(RLIMIT_NOFILE, &before_); }

  NoDescriptorLeft(const NoDescriptorLeft&) = delete;
  NoDescriptorLeft& operator=(const NoDescriptorLeft&) = delete;

 private:
  rlimit before_ = {};
};

TEST(ProbeErrorsTest, RouterWithoutDescriptorsKnowsNothingAboutTheServer) {
  FakeServer fake{{}};
  DrivenProbe probe(ServerOf(fake));
  Observation found;
  {
    const NoDescriptorLeft limit;
    probe.probe().Begin();
    ASSERT_FALSE(probe.probe().busy());
    found = probe.probe().observation();
  }
  EXPECT_EQ(found.seen, Seen::kUnknown);
  EXPECT_THAT(found.problem, HasSubstr("the router could not ask it"));
  EXPECT_EQ(probe.Poll().seen, Seen::kWritable);
}

TEST(ProbeErrorsTest, LinkWithoutDescriptorsLeavesTheConnectionAsItWas) {
  int pair[2] = {-1, -1};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  {
    const NoDescriptorLeft limit;
    MeteredLink link;
    EXPECT_NE(link.Splice(pair[0]), 0);
    EXPECT_FALSE(link.spliced());
  }
  char byte = 'x';
  EXPECT_EQ(write(pair[1], &byte, 1), 1);
  EXPECT_EQ(read(pair[0], &byte, 1), 1);
  close(pair[0]);
  close(pair[1]);
}

std::string IdentityOf(FakeServer::State state) {
  FakeServer fake(std::move(state));
  return DrivenProbe(ServerOf(fake)).Poll().identity;
}

FakeServer::State Telling(std::vector<std::pair<std::string, std::string>> variables) {
  FakeServer::State state;
  state.variables = std::move(variables);
  return state;
}

TEST(ProbeIdentityTest, IsWhatTheServerTells) {
  EXPECT_EQ(IdentityOf(Telling({{"hostname", "db1"}, {"port", "3306"}, {"server_id", "7"}})),
            "server_id=7;hostname=db1;port=3306;");
  EXPECT_EQ(IdentityOf(Telling({{"server_id", "7"}, {"server_uuid", "aa-bb"}})),
            "server_uuid=aa-bb;server_id=7;");
}

TEST(ProbeIdentityTest, IsUnknownIfTheServerTellsTooLittle) {
  EXPECT_EQ(IdentityOf(Telling({})), "");
  EXPECT_EQ(IdentityOf(Telling({{"server_id", "1"}})), "");
  EXPECT_EQ(IdentityOf(Telling({{"server_id", "1"}, {"port", "3306"}, {"hostname", ""}})), "");
}

TEST(ProbeIdentityTest, IsTheSameForEachAddressAndEachCheck) {
  FakeServer::State state = Telling({{"hostname", "db1"}, {"port", "1"}, {"server_id", "7"}});
  state.galera = true;
  FakeServer fake(state);
  MonitoredServer by_name = ServerOf(fake);
  by_name.host = "localhost";
  std::string first;
  {
    DrivenProbe probe(ServerOf(fake));
    first = probe.Poll().identity;
    EXPECT_EQ(probe.Poll().identity, first);
    EXPECT_TRUE(probe.probe().observation().multi_writer);
  }
  EXPECT_NE(first, "");
  EXPECT_EQ(DrivenProbe(by_name).Poll().identity, first);
}

TEST(ProbeIdentityTest, IsForgottenWithTheConnection) {
  FakeServer fake(Telling({{"server_uuid", "aa"}}));
  DrivenProbe probe(ServerOf(fake));
  EXPECT_NE(probe.Poll().identity, "");
  FakeServer::State gone;
  gone.mode = FakeServer::Mode::kHangUp;
  fake.Set(gone);
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, Seen::kUnreachable);
  EXPECT_EQ(found.identity, "");
}

}  // namespace
}  // namespace failover::mysql::internal

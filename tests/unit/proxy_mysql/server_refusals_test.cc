#include "proxy/mysql/session/server_refusals.h"

#include <gtest/gtest.h>

#include "proxy/mysql/session/proxy_errors.h"

namespace mysql_proxy {
namespace {

using failover::mysql::MysqlError;
using failover::mysql::Outcome;

TEST(ServerRefusalsTest, AServerSaysSoInItsOwnWords) {
  for (const char* text :
       {"The MariaDB server is running with the --read-only option so it cannot execute this "
        "statement",
        "The MariaDB server is running with the --read-only=ON option so it cannot execute this "
        "statement",
        "The MySQL server is running with the --super-read-only option so it cannot execute this "
        "statement",
        "Der MariaDB-Server läuft mit der Option --read-only und kann diese Anweisung deswegen "
        "nicht ausführen",
        "MariaDB服务器使用--read-only选项运行，因此无法执行此语句"}) {
    EXPECT_TRUE(IsServersRefusal({1290, "HY000", text})) << text;
    EXPECT_FALSE(IsServersRefusal({1836, "HY000", text})) << text;
  }
  EXPECT_TRUE(
      IsServersRefusal({1792, "25006", "Cannot execute statement in a READ ONLY transaction"}));
  EXPECT_TRUE(IsServersRefusal({1836, "HY000", "Running in read-only mode"}));
}

TEST(ServerRefusalsTest, OtherWordsAreThoseOfAProcedure) {
  for (const char* text :
       {"", "--read-only", "The MariaDB server is running with the --read-only option",
        "The MariaDB server is running with the --skip-grant-tables option so it cannot execute "
        "this statement",
        "The MariaDB server is running with the --read-only and the other option so it cannot "
        "execute this statement",
        "p: The MariaDB server is running with the --read-only option so it cannot execute this "
        "statement",
        "The MariaDB server is running with the --read-only option so it cannot execute this "
        "statement!"}) {
    EXPECT_FALSE(IsServersRefusal({1290, "HY000", text})) << text;
  }
  EXPECT_FALSE(IsServersRefusal({1062, "23000", "Running in read-only mode"}));
}

// MariaDB's own tests raise 5678. The client was told that the outcome is unknown.
TEST(ServerRefusalsTest, BugANumberOfASignalWasTakenForALostConnection) {
  const auto outcome = [](std::uint32_t number) {
    return failover::mysql::OutcomeOf(StatusOfAnswer({number, "77777", "raised"}, {}));
  };
  const absl::Status raised = StatusOfAnswer({5678, "77777", "raised"}, {});
  EXPECT_EQ(ForClient(raised, absl::OkStatus()).number, 5678u);
  EXPECT_EQ(outcome(5000), Outcome::kFailed);
  EXPECT_EQ(outcome(5678), Outcome::kFailed);
  EXPECT_EQ(outcome(5999), Outcome::kFailed);
  // A proxy behind this one may say that it has lost its server.
  EXPECT_EQ(outcome(2013), Outcome::kUnknown);
}

}  // namespace
}  // namespace mysql_proxy

// Which texts of client libraries blame the machine that wanted to connect. The texts of clients of
// MySQL are in tests/unit/mysql, and those of libpq in tests/unit/postgres.
#include "outcome/local_trouble.h"

#include <gtest/gtest.h>

namespace failover::internal {
namespace {

TEST(LocalTroubleTest, TheMachineIsNamedByNumberByNameOrInWords) {
  for (const char* const text :
       {"connect failed (99)", "[Errno 24] x", "os error 105", "EMFILE: too many", "errno=12",
        "connect: Cannot assign requested address", "bind: Address already in use",
        "getaddrinfo EAI_AGAIN db.example", "dial tcp: lookup db.example: i/o timeout"}) {
    EXPECT_TRUE(NamesLocalTrouble(text)) << text;
  }
}

TEST(LocalTroubleTest, TheServerIsNotTheMachine) {
  for (const char* const text :
       {"", "Connection refused", "connect failed (111)", "server at \"db\" (10.0.0.99), port 99",
        "server at \"::1\" (2001:db8::24) failed: timeout expired", "tried (3 times)",
        "dial tcp: lookup db.example: no such host", "Name or service not known"}) {
    EXPECT_FALSE(NamesLocalTrouble(text)) << text;
  }
}

TEST(LocalTroubleTest, NumbersOfTheNameServiceAreOthers) {
  EXPECT_TRUE(NamesTroubleOfNameService("Unknown server host 'db' (-3)"));
  EXPECT_TRUE(NamesTroubleOfNameService("Unknown MySQL server host 'db' (2)"));
  EXPECT_FALSE(NamesLocalTrouble("socket '/run/mysqld.sock' (2)"));
  EXPECT_FALSE(NamesTroubleOfNameService("Unknown server host 'db' (-2)"));
}

}  // namespace
}  // namespace failover::internal

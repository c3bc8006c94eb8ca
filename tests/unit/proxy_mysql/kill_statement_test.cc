#include "proxy/mysql/protocol/kill_statement.h"

#include <gtest/gtest.h>

namespace mysql_proxy {
namespace {

TEST(KillStatementTest, NamesAConnection) {
  struct Case {
    const char* sql;
    std::uint64_t id;
    bool query_only;
  };
  for (const Case& known :
       {Case{"KILL 2147483650", 2147483650u, false}, Case{"kill connection 7", 7, false},
        Case{"KILL QUERY 7", 7, true}, Case{"/* now */ KILL HARD QUERY 7 ;", 7, true},
        Case{"kill soft connection 18446744073709551615", 18446744073709551615u, false}}) {
    const std::optional<KillStatement> kill = ParseKill(known.sql, TextRules{});
    ASSERT_TRUE(kill.has_value()) << known.sql;
    EXPECT_EQ(kill->connection_id, known.id) << known.sql;
    EXPECT_EQ(kill->query_only, known.query_only) << known.sql;
  }
}

TEST(KillStatementTest, AllElseIsLeftToTheServer) {
  for (const char* sql : {"", "KILL", "KILL QUERY", "KILL QUERY ID 7", "KILL USER app",
                          "KILL 7; SELECT 1", "KILL 7 + 1", "KILL 18446744073709551616", "KILL 7x",
                          "KILL -7", "KILL @a", "SELECT 7", "KILL /*! QUERY */ 7", "KILL '7'"}) {
    EXPECT_FALSE(ParseKill(sql, TextRules{}).has_value()) << sql;
  }
}

}  // namespace
}  // namespace mysql_proxy

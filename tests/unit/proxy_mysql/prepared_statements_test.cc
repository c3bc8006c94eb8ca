#include "proxy/mysql/session/prepared_statements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mysql_proxy {
namespace {

PreparedStatement& AddWithParameters(PreparedStatements& statements, std::uint16_t parameters) {
  PreparedStatement& statement = statements.Add("SELECT ?");
  statement.parameters = parameters;
  return statement;
}

TEST(PreparedStatementsTest, IdsAreNeverUsedTwice) {
  PreparedStatements statements(1000);
  EXPECT_EQ(statements.NextId(), 1u);
  statements.Add("SELECT 1");
  statements.Remove(1);
  EXPECT_EQ(statements.Find(1), nullptr);
  EXPECT_EQ(statements.NextId(), 2u);
  statements.Add("SELECT 2");
  EXPECT_EQ(statements.Find(2)->sql, "SELECT 2");
}

// A client of MariaDB executes what it has just prepared without waiting for the id.
TEST(PreparedStatementsTest, TheLastPreparedHasANameOfItsOwn) {
  PreparedStatements statements(1000);
  EXPECT_EQ(statements.Find(kLastPrepared), nullptr);
  statements.Add("SELECT 1");
  EXPECT_EQ(statements.Find(kLastPrepared), statements.Find(1));
  statements.Add("SELECT 2");
  EXPECT_EQ(statements.Find(kLastPrepared), statements.Find(2));
  statements.Remove(1);
  EXPECT_EQ(statements.Find(kLastPrepared), statements.Find(2));
  statements.Remove(kLastPrepared);
  EXPECT_EQ(statements.Find(2), nullptr);
  EXPECT_EQ(statements.Find(kLastPrepared), nullptr);
}

// The execution that was sent together with a preparation that failed must not hit another
// statement.
TEST(PreparedStatementsTest, APreparationThatFailsLeavesNoLastPrepared) {
  PreparedStatements statements(1000);
  statements.Add("SELECT 1");
  statements.ForgetLast();
  EXPECT_EQ(statements.Find(kLastPrepared), nullptr);
  EXPECT_NE(statements.Find(1), nullptr);
}

TEST(PreparedStatementsTest, OpenCursorsAreCounted) {
  PreparedStatements statements(1000);
  PreparedStatement& one = statements.Add("SELECT 1");
  PreparedStatement& two = statements.Add("SELECT 2");
  EXPECT_FALSE(statements.HasOpenCursor());
  statements.SetCursor(Cursor::kOpen, one);
  statements.SetCursor(Cursor::kOpen, one);
  statements.SetCursor(Cursor::kOpen, two);
  statements.Remove(1);
  EXPECT_TRUE(statements.HasOpenCursor());
  statements.LoseCursors();
  EXPECT_FALSE(statements.HasOpenCursor());
  EXPECT_EQ(two.cursor, Cursor::kLost);
  statements.SetCursor(Cursor::kOpen, two);
  statements.SetCursor(Cursor::kNone, two);
  EXPECT_FALSE(statements.HasOpenCursor());
}

TEST(PreparedStatementsTest, TheirTextsAreLimited) {
  PreparedStatements statements(10);
  EXPECT_TRUE(statements.HasRoomFor("SELECT 'xx"));
  EXPECT_FALSE(statements.HasRoomFor("SELECT 'xxx"));
  statements.Add("SELECT 1");
  EXPECT_FALSE(statements.HasRoomFor("SELECT 1"));
  statements.Remove(1);
  EXPECT_TRUE(statements.HasRoomFor("SELECT 1"));
}

TEST(PreparedStatementsTest, TheirNumberIsLimited) {
  PreparedStatements statements(1'000'000);
  for (int i = 0; i < 4096; ++i) {
    ASSERT_TRUE(statements.HasRoomFor("DO 1")) << i;
    statements.Add("DO 1");
  }
  EXPECT_FALSE(statements.HasRoomFor("DO 1"));
  statements.Clear();
  EXPECT_TRUE(statements.HasRoomFor("DO 1"));
}

TEST(PreparedStatementsTest, PiecesOfLongDataAreJoined) {
  PreparedStatements statements(1000);
  PreparedStatement& statement = AddWithParameters(statements, 2);
  statements.AddLongData(1, "ab", statement);
  statements.AddLongData(0, "", statement);
  statements.AddLongData(1, "cd", statement);
  EXPECT_THAT(statement.long_data,
              testing::ElementsAre(testing::Pair(0, ""), testing::Pair(1, "abcd")));
}

TEST(PreparedStatementsTest, TooMuchLongDataIsRefusedOnce) {
  PreparedStatements statements(20);
  PreparedStatement& statement = AddWithParameters(statements, 1);
  statements.AddLongData(0, "0123456789", statement);
  statements.AddLongData(0, "0123456789", statement);
  EXPECT_TRUE(statement.long_data_refused);
  EXPECT_TRUE(statement.long_data.empty());
  statements.DropLongData(statement);
  EXPECT_FALSE(statement.long_data_refused);
  statements.AddLongData(0, "0123456789", statement);
  EXPECT_EQ(statement.long_data.at(0), "0123456789") << "the bytes that were dropped are free";
}

TEST(PreparedStatementsTest, LongDataForNoParameterIsRefused) {
  PreparedStatements statements(1000);
  PreparedStatement& statement = AddWithParameters(statements, 1);
  statements.AddLongData(1, "x", statement);
  EXPECT_TRUE(statement.long_data_refused);
}

}  // namespace
}  // namespace mysql_proxy

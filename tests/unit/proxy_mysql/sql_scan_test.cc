#include "proxy/mysql/protocol/sql_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace mysql_proxy {
namespace {

SqlTraits Scan(std::string_view sql) { return ScanSql(sql, TextRules{}); }

TEST(SqlScanTest, OrdinaryStatementsHaveNoTraits) {
  for (const char* sql :
       {"SELECT c FROM sbtest1 WHERE id=?", "insert into t values (1, 'a;b', \"c;d\")",
        "(SELECT 1) UNION (SELECT 2)", "UPDATE t SET v=1;", "BEGIN", "commit ;  ",
        "/* hint; */ SELECT 1 -- done; really", "SELECT 1 # ; SELECT 2", "",
        "WITH x AS (SELECT 1) SELECT * FROM x", "SELECT 'it''s; fine'", "SELECT 'a@b.c'",
        "SELECT 'it\\'s; @fine'", "SELECT @@autocommit", "SET NAMES utf8mb4", "SELECT `a;b` FROM t",
        "SELECT identity, collate_ FROM t", "SET @@session.sql_mode = 'ANSI'"}) {
    const SqlTraits traits = Scan(sql);
    EXPECT_FALSE(traits.compound) << sql;
    EXPECT_FALSE(traits.uses_connection_state) << sql;
    EXPECT_FALSE(traits.reads_insert_id) << sql;
    EXPECT_FALSE(traits.reads_last_result) << sql;
    EXPECT_FALSE(traits.sets_names_with_collation) << sql;
    EXPECT_FALSE(traits.has_temporary_variables) << sql;
  }
}

TEST(SqlScanTest, SeveralStatementsAreCompound) {
  for (const char* sql : {"INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)", "CALL p()",
                          "call p()", "BEGIN NOT ATOMIC INSERT INTO t VALUES (1); END", "EXECUTE s",
                          "EXECUTE IMMEDIATE 'CALL p()'", "IF 1 THEN SELECT 1; END IF",
                          "SET STATEMENT max_statement_time=1 FOR CALL p()", "; SELECT 1; SELECT 2",
                          "nonsense", "'literal'", "@x"}) {
    EXPECT_TRUE(Scan(sql).compound) << sql;
  }
}

// MariaDB skips the comments of the versions 50700 to 99999, and of versions newer than its own.
// Other servers have other rules.
// The fuzzer found a text that was compound, and was not compound in doubt: there the words between
// the backquotes count.
TEST(SqlScanTest, BugPairAroundAName_TheFirstTwoWordsStandSideBySide) {
  const std::string text = "BEGIN `a BEGIN` NOT \xa5";
  EXPECT_FALSE(ScanSql(text, {true, false}).compound);
  EXPECT_FALSE(ScanSql(text, {true, true}).compound);
  for (const char* sql : {"BEGIN\n/* block */ NOT ATOMIC SELECT 1; END", "BEGIN NOT \xa5"}) {
    EXPECT_TRUE(ScanSql(sql, {true, false}).compound) << sql;
    EXPECT_TRUE(ScanSql(sql, {true, true}).compound) << sql;
  }
}

TEST(SqlScanTest, WhatAnExecutableCommentMayHideIsCompound) {
  for (const char* sql :
       {"/*!50000 CALL */ p()", "/*!99999 SELECT */ CALL p()", "/*M!999999 SELECT */ CALL p()",
        "/*!SELECT 1*/", "/*M!100100 SELECT 1; */ SELECT 2", "SELECT 1 /*! ; DELETE FROM t */",
        "INSERT /*!99999 INTO t VALUES (1) -- */ INTO t VALUES (2); CALL p()",
        "SELECT /*!40001 SQL_NO_CACHE */ * FROM t"}) {
    EXPECT_TRUE(Scan(sql).compound) << sql;
  }
  EXPECT_FALSE(Scan("SELECT '/*! '").compound);
  EXPECT_FALSE(Scan("SELECT 1 /* /*! */").compound);
  EXPECT_FALSE(Scan("SELECT 1 -- /*!").compound);
}

TEST(SqlScanTest, WhatAnExecutableCommentMayHideIsSeen) {
  for (const char* sql :
       {"/*! SET @a=1 */", "/*!99999 SELECT ' */ SET @a=1", "DO 1 /*!99999 -- */, @a",
        "/*!99999 DO */ HANDLER t OPEN", "DO 1 /*!99999 # */, GET_LOCK('x', 1)",
        "/*! SET NAMES utf8mb4 */ COLLATE utf8mb4_bin",
        "SET /*! STATEMENT max_statement_time=1 FOR */ DO 1"}) {
    EXPECT_TRUE(Scan(sql).uses_connection_state) << sql;
  }
  EXPECT_TRUE(Scan("/*!99999 DO */ SHOW /*! GLOBAL */ WARNINGS").reads_last_result);
  EXPECT_TRUE(Scan("SELECT /*!99999 ' */ LAST_INSERT_ID()").reads_insert_id);
  EXPECT_FALSE(Scan("SELECT /*!40001 SQL_NO_CACHE */ * FROM t").uses_connection_state);
  EXPECT_FALSE(Scan("/*!40101 SET NAMES utf8 */").uses_connection_state);
}

TEST(SqlScanTest, ABackslashIsALetterIfTheServerSaysSo) {
  const std::string_view sql = "INSERT INTO t VALUES ('\\'); DELETE FROM t; -- '";
  TextRules rules;
  EXPECT_FALSE(ScanSql(sql, rules).compound);
  rules.backslash_escapes = false;
  EXPECT_TRUE(ScanSql(sql, rules).compound);
}

class HiddenAsciiTest : public ::testing::Test {
 protected:
  static SqlTraits Scan(std::string_view sql) {
    return ScanSql(sql, {/*backslash_escapes=*/true, /*characters_hide_ascii=*/true});
  }
};

// The bytes \xbf\x5c are one character of GBK, and so are the bytes \xbf\x60.
TEST_F(HiddenAsciiTest, ALiteralOrANameMayEndEarlierThanItLooks) {
  for (const char* sql : {"INSERT INTO t VALUES ('\xbf\x5c'); DELETE FROM t; -- '",
                          "SELECT \xbf\x60 FROM t; DELETE FROM t -- `"}) {
    EXPECT_FALSE(mysql_proxy::Scan(sql).compound) << sql;
    EXPECT_TRUE(Scan(sql).compound) << sql;
  }
  EXPECT_TRUE(Scan("SELECT '\xbf\x5c', @a -- '").uses_connection_state);
  EXPECT_TRUE(Scan("SELECT '\xbf\x5c', /*! @a */ 1 -- '").compound);
  EXPECT_TRUE(Scan("SET /*\xbf\x5c*/ STATEMENT a=1 FOR CALL p()").compound);
  EXPECT_TRUE(Scan("/*\xbf\x5c select */ CALL p()").compound);
}

TEST_F(HiddenAsciiTest, OneStatementIsOneWhateverItsLettersAre) {
  for (const char* sql :
       {"INSERT INTO t VALUES ('\xb0\xa1')", "/* hint */ SELECT '\xb0\xa1' # comment",
        "UPDATE t SET c='\x81\x40'", "SELECT 'it\\'s; @fine'"}) {
    EXPECT_FALSE(Scan(sql).compound) << sql;
    EXPECT_FALSE(Scan(sql).uses_connection_state) << sql;
  }
}

TEST(SqlScanTest, ACommentBeginsWithTwoCharactersThatAreNotItsEnd) {
  EXPECT_TRUE(Scan("DO 1 /*/ '*/, GET_LOCK('x',1) -- '").uses_connection_state);
  EXPECT_FALSE(Scan("DO 1 /*/ @a */").uses_connection_state);
}

TEST(SqlScanTest, WhatMayBeASpaceMayBeginAComment) {
  for (const char* sql : {"DO 1 --\x7f'\n, GET_LOCK('x',1) -- '",
                          "DO 1 --\xa0'\n, GET_LOCK('x',1) -- '", "SELECT\xa0GET_LOCK('x',1)"}) {
    EXPECT_TRUE(Scan(sql).uses_connection_state) << sql;
  }
}

TEST(SqlScanTest, ABackslashBetweenDoubleQuotesMayBeALetterOfAName) {
  EXPECT_TRUE(Scan("SELECT \"a\\\", @b := 1 -- \"").uses_connection_state);
  EXPECT_TRUE(Scan("SELECT \"a\\\"; DELETE FROM t -- \"").compound);
  EXPECT_FALSE(Scan("INSERT INTO t VALUES (\"it\\\"s\")").compound);
}

TEST(SqlScanTest, TrackingIsNotTurnedOffUnseen) {
  EXPECT_TRUE(Scan("SET session_track_system_variables=''").uses_connection_state);
  EXPECT_TRUE(Scan("SET @@`session_track_schema`=OFF").uses_connection_state);
}

TEST(SqlScanTest, ConnectionState) {
  for (const char* sql :
       {"SET @a = 1", "SELECT @b := 2", "SELECT 5 INTO @q", "SELECT get_lock('x', 1)",
        "HANDLER t OPEN", "SELECT @`a b`", "DO 1; HANDLER t OPEN", "SELECT `get_lock`('x', 1)"}) {
    EXPECT_TRUE(Scan(sql).uses_connection_state) << sql;
  }
}

TEST(SqlScanTest, EarlierResults) {
  for (const char* sql :
       {"SELECT LAST_INSERT_ID()", "select @@identity",
        "INSERT INTO child VALUES (last_insert_id())", "SELECT @@last_insert_id",
        "SELECT @@session.identity", "SELECT @@local . `identity`", "SELECT `last_insert_id`()"}) {
    EXPECT_TRUE(Scan(sql).reads_insert_id) << sql;
    EXPECT_FALSE(Scan(sql).reads_last_result) << sql;
  }
  for (const char* sql : {"SHOW WARNINGS", "show errors", "SHOW COUNT(*) WARNINGS",
                          "SELECT FOUND_ROWS()", "SELECT row_count()", "SELECT @@warning_count",
                          "GET DIAGNOSTICS CONDITION 1 @x = MESSAGE_TEXT"}) {
    EXPECT_TRUE(Scan(sql).reads_last_result) << sql;
    EXPECT_FALSE(Scan(sql).reads_insert_id) << sql;
  }
}

TEST(SqlScanTest, NamesWithCollation) {
  for (const char* sql :
       {"SET NAMES utf8mb4 COLLATE utf8mb4_bin", "set names 'utf8mb4' collate 'utf8mb4_bin';"}) {
    EXPECT_TRUE(Scan(sql).sets_names_with_collation) << sql;
    EXPECT_FALSE(Scan(sql).uses_connection_state) << sql;
  }
  EXPECT_FALSE(Scan("SET NAMES utf8mb4, sql_mode=''").uses_connection_state);
  EXPECT_FALSE(Scan("SET NAMES utf8mb4; SELECT 1").uses_connection_state);
  EXPECT_FALSE(Scan("SELECT names COLLATE utf8mb4_bin FROM t").uses_connection_state);
}

// The proxy knows no statement that would set the collation again and nothing else.
TEST(SqlScanTest, ACollationAmongOtherThingsCannotBeRestored) {
  for (const char* sql : {"SET NAMES utf8mb4 COLLATE utf8mb4_bin, SESSION sql_mode=''",
                          "SET sql_mode='', NAMES utf8mb4 COLLATE utf8mb4_bin",
                          "SET NAMES utf8mb4 COLLATE utf8mb4_bin; SELECT 1",
                          "SELECT 1; SET NAMES utf8mb4 COLLATE utf8mb4_bin",
                          "BEGIN NOT ATOMIC SET NAMES utf8mb4 COLLATE utf8mb4_bin; END",
                          "SET STATEMENT sql_mode='' FOR SET NAMES utf8mb4 COLLATE utf8mb4_bin"}) {
    EXPECT_FALSE(Scan(sql).sets_names_with_collation) << sql;
    EXPECT_TRUE(Scan(sql).uses_connection_state) << sql;
  }
}

TEST(SqlScanTest, SetStatementForRowsLeavesNothing) {
  for (const char* sql : {"SET STATEMENT max_statement_time=1 FOR SELECT * FROM t FOR UPDATE",
                          "set statement sql_mode='' for insert into t values (1);",
                          "SET STATEMENT a=1, b=2 FOR (SELECT 1)"}) {
    EXPECT_TRUE(Scan(sql).has_temporary_variables) << sql;
    EXPECT_FALSE(Scan(sql).uses_connection_state) << sql;
  }
  EXPECT_FALSE(Scan("UPDATE t SET statement=1").has_temporary_variables);
}

TEST(SqlScanTest, SetStatementForAnythingElseMayLeaveSomething) {
  for (const char* sql :
       {"SET STATEMENT max_statement_time=1 FOR CREATE TEMPORARY TABLE tmp (a INT)",
        "SET STATEMENT max_statement_time=1 FOR PREPARE s FROM 'SELECT 1'",
        "SET STATEMENT max_statement_time=1 FOR SET sql_mode=''",
        "SET STATEMENT max_statement_time=1 FOR CALL p()",
        "SET STATEMENT max_statement_time=1 FOR SELECT 1; SET sql_mode=''",
        "SELECT 1; SET STATEMENT max_statement_time=1 FOR SELECT 2",
        "BEGIN NOT ATOMIC SET STATEMENT max_statement_time=1 FOR SELECT 2; END"}) {
    EXPECT_TRUE(Scan(sql).has_temporary_variables) << sql;
    EXPECT_TRUE(Scan(sql).uses_connection_state) << sql;
  }
}

// Each part is a copy of its own, so that AddressSanitizer sees a read beyond the end.
TEST(SqlScanTest, StatementsMayBeCutAnywhere) {
  const std::string sql =
      "/* SET */ -- x\n SELECT 'a\\'b', \"c\", `d`, @z FROM t # end\n; /*! rest */ CALL p()";
  for (std::size_t length = 0; length <= sql.size(); ++length) {
    const std::vector<char> begin(sql.begin(), sql.begin() + static_cast<std::ptrdiff_t>(length));
    const std::vector<char> end(sql.begin() + static_cast<std::ptrdiff_t>(length), sql.end());
    const bool has_variable = length > sql.find("@z");
    EXPECT_EQ(Scan({begin.data(), begin.size()}).uses_connection_state, has_variable) << length;
    Scan({end.data(), end.size()});
  }
}

}  // namespace
}  // namespace mysql_proxy

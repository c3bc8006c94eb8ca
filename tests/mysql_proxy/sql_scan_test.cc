#include "protocol/sql_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace mysql_proxy {
namespace {

SqlTraits Scan(std::string_view sql) { return ScanSql(sql, /*backslash_escapes=*/true); }

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
                          "SET STATEMENT max_statement_time=1 FOR CALL p()", "/*!50000 CALL */ p()",
                          "/*M!100100 SELECT 1; */ SELECT 2", "SELECT 1 /*! ; DELETE FROM t */",
                          "; SELECT 1; SELECT 2", "nonsense", "'literal'", "@x"}) {
    EXPECT_TRUE(Scan(sql).compound) << sql;
  }
}

// A server that is too old for what is in the comment would execute CALL p().
TEST(SqlScanTest, BugSkippedComment_AStatementWithAnExecutableCommentMayBeAnything) {
  for (const char* sql : {"/*!99999 SELECT */ CALL p()",
                          "SET /*!99999 x */ STATEMENT max_statement_time=1 FOR CALL p()",
                          "/*M!999999 SELECT */ CALL p()", "SELECT 1 /*!50701 FOR UPDATE */"}) {
    EXPECT_TRUE(Scan(sql).compound) << sql;
  }
}

TEST(SqlScanTest, BugTemporaryByWay_WhatSetStatementMakesIsConnectionState) {
  for (const char* sql : {"SET STATEMENT max_statement_time=1 FOR CREATE TEMPORARY TABLE t (a INT)",
                          "SET STATEMENT max_statement_time=1 FOR PREPARE s FROM 'SELECT 1'",
                          "SET STATEMENT max_statement_time=1 FOR SELECT 1; SET sql_mode='ANSI'"}) {
    EXPECT_TRUE(Scan(sql).uses_connection_state) << sql;
  }
  EXPECT_FALSE(Scan("SET STATEMENT max_statement_time=1 FOR SELECT 1;").uses_connection_state);
}

TEST(SqlScanTest, ABackslashIsALetterIfTheServerSaysSo) {
  const std::string_view sql = "INSERT INTO t VALUES ('\\'); DELETE FROM t; -- '";
  EXPECT_FALSE(ScanSql(sql, /*backslash_escapes=*/true).compound);
  EXPECT_TRUE(ScanSql(sql, /*backslash_escapes=*/false).compound);
}

TEST(SqlScanTest, ConnectionState) {
  for (const char* sql :
       {"SET @a = 1", "SELECT @b := 2", "SELECT 5 INTO @q", "SELECT get_lock('x', 1)",
        "HANDLER t OPEN", "SELECT @`a b`", "/*! SET @a=1 */"}) {
    EXPECT_TRUE(Scan(sql).uses_connection_state) << sql;
  }
}

TEST(SqlScanTest, EarlierResults) {
  for (const char* sql :
       {"SELECT LAST_INSERT_ID()", "select @@identity",
        "INSERT INTO child VALUES (last_insert_id())", "SELECT @@last_insert_id"}) {
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

// It is not reported, so it cannot be restored.
TEST(SqlScanTest, BugLostCollation_ACollationAmongOtherThingsIsConnectionState) {
  for (const char* sql : {"SET NAMES utf8mb4 COLLATE utf8mb4_bin, SESSION sql_mode='ANSI'",
                          "SET sql_mode='ANSI', NAMES utf8mb4 COLLATE utf8mb4_bin",
                          "SET NAMES utf8mb4 COLLATE utf8mb4_bin; SELECT 1"}) {
    EXPECT_TRUE(Scan(sql).uses_connection_state) << sql;
  }
  EXPECT_FALSE(Scan("SET NAMES utf8mb4 COLLATE utf8mb4_bin").uses_connection_state);
}

TEST(SqlScanTest, NamesWithCollation) {
  EXPECT_TRUE(Scan("SET NAMES utf8mb4 COLLATE utf8mb4_bin").sets_names_with_collation);
  EXPECT_TRUE(Scan("set names 'utf8mb4' collate 'utf8mb4_bin';").sets_names_with_collation);
  EXPECT_FALSE(
      Scan("SET NAMES utf8mb4 COLLATE utf8mb4_bin, sql_mode=''").sets_names_with_collation);
  EXPECT_FALSE(Scan("SET NAMES utf8mb4 COLLATE utf8mb4_bin; SELECT 1").sets_names_with_collation);
}

// Copies of their own, so that AddressSanitizer sees a step beyond the end.
TEST(SqlScanTest, StatementsMayBeCutAnywhere) {
  const std::string sql =
      "/*! SET */ -- x\n SELECT 'a\\'b', \"c\", `d`, @z FROM t # end\n; /* rest */ CALL p()";
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

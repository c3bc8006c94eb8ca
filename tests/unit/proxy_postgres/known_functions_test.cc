#include "proxy/postgres/sql/known_functions.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/postgres/sql/statement_traits.h"

namespace postgres_proxy {
namespace {

bool CallsUnknown(const std::string& text) {
  const std::vector<StatementTraits> all = JudgeText(text, {});
  EXPECT_EQ(all.size(), 1U) << text;
  return !all.empty() && all.front().calls_unknown;
}

TEST(KnownFunctionsTest, OrdinaryStatementsCallNothingUnknown) {
  for (const char* const text : {
           "SELECT 1",
           "SELECT count(*), COALESCE(max(a), 0) FROM t WHERE b IN (1, 2) AND c = ANY ($1)",
           "SELECT (a + b) * (c) FROM (SELECT 1) x",
           "SELECT lower ( a ), pg_sleep(1) FROM t ORDER BY row_number() OVER (PARTITION BY a)",
           "INSERT INTO t (a, b) VALUES ($1, now()) ON CONFLICT (a) DO UPDATE SET b = 1",
           "INSERT INTO \"t\" (\"a\") VALUES (1)",
           "INSERT INTO s.t(a) VALUES (nextval('q'))",
           "UPDATE t SET a = CAST(b AS numeric(10, 2)) WHERE EXISTS (SELECT 1 FROM u)",
           "CREATE TABLE t (a int)",
           "BEGIN",
           "SELECT extract(epoch FROM now()); ",
           "COPY t FROM STDIN",
       }) {
    EXPECT_FALSE(CallsUnknown(text)) << text;
  }
}

TEST(KnownFunctionsTest, WhateverMayHaveLeftSomethingIsUnknown) {
  for (const char* const text : {
           "SELECT f()",
           "SELECT F ()",
           "SELECT pg_catalog.f(1)",
           "SELECT mine.lower('A')",
           "SELECT \"lower\"('A')",
           "SELECT lower/* */('A'), f /* */ ()",
           "SELECT f -- in front of it\n ()",
           "SELECT pg_advisory_xact_lock(1)",
           "INSERT INTO t SELECT f(1)",
           "INSERT INTO t (a) VALUES (f(1))",
           "UPDATE t SET a = f(b)",
           "SELECT 1 FROM f(1) AS x",
           "WITH x AS (SELECT f(1)) SELECT * FROM x",
           "CREATE TABLE t AS SELECT f()",
           "DO 'BEGIN END'",
           "CALL p()",
           "EXECUTE s",
           "THIS IS NO STATEMENT",
       }) {
    EXPECT_TRUE(CallsUnknown(text)) << text;
  }
}

// The text is not judged by the grammar then.
TEST(KnownFunctionsTest, ALongTextIsLookedThrough) {
  std::string text = "INSERT INTO t (a) VALUES (1)";
  for (int i = 0; i < 20'000; ++i) text += ", (2)";
  EXPECT_FALSE(CallsUnknown(text));
  EXPECT_TRUE(CallsUnknown(text + ", (f(3))"));
}

TEST(KnownFunctionsTest, NamesAreTakenAsAWhole) {
  EXPECT_TRUE(IsKnownFunction("lower"));
  EXPECT_FALSE(IsKnownFunction("lowe"));
  EXPECT_FALSE(IsKnownFunction(""));
  EXPECT_FALSE(IsKnownFunction("lower upper"));
  EXPECT_FALSE(IsKnownFunction("pg_advisory_lock"));
}

}  // namespace
}  // namespace postgres_proxy

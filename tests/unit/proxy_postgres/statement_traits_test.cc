#include "proxy/postgres/sql/statement_traits.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace postgres_proxy {
namespace {

using failover::postgres::StatementKind;
using Kind = SessionChange::Kind;

StatementTraits One(const std::string& sql) {
  const std::vector<StatementTraits> all = JudgeText(sql, {});
  EXPECT_EQ(all.size(), 1u) << sql;
  return all.empty() ? StatementTraits() : all.front();
}

struct KindCase {
  const char* sql;
  StatementKind kind;
};

TEST(StatementTraitsTest, KindsOfStatements) {
  const KindCase cases[] = {
      {"SELECT 1", StatementKind::kSingle},
      {"  select f(x) from t where s = 'a' ; ", StatementKind::kSingle},
      {"insert into t values (1)", StatementKind::kSingle},
      {"WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", StatementKind::kSingle},
      {"COPY t FROM STDIN", StatementKind::kSingle},
      {"COPY t FROM PROGRAM 'cat'", StatementKind::kMayCommitInside},
      {"COPY t TO PROGRAM 'cat'", StatementKind::kMayCommitInside},
      {"CREATE TABLE t (i int)", StatementKind::kSingle},
      {"CREATE INDEX ON t (i)", StatementKind::kSingle},
      {"CREATE INDEX CONCURRENTLY ON t (i)", StatementKind::kMayCommitInside},
      {"DROP INDEX CONCURRENTLY i", StatementKind::kMayCommitInside},
      {"ALTER TABLE t DETACH PARTITION p CONCURRENTLY", StatementKind::kMayCommitInside},
      {"VACUUM t", StatementKind::kMayCommitInside},
      {"CLUSTER t", StatementKind::kMayCommitInside},
      {"REINDEX DATABASE d", StatementKind::kMayCommitInside},
      {"CREATE DATABASE d", StatementKind::kMayCommitInside},
      {"DROP TABLESPACE s", StatementKind::kMayCommitInside},
      {"ALTER SYSTEM SET a = 1", StatementKind::kMayCommitInside},
      {"CALL p()", StatementKind::kMayCommitInside},
      {"DO $$ BEGIN COMMIT; END $$", StatementKind::kMayCommitInside},
      {"EXECUTE p", StatementKind::kMayCommitInside},
      {"SELECT dblink_exec('x', 'y')", StatementKind::kMayCommitInside},
      {"SELECT this is no sql", StatementKind::kSingle},  // the server refuses it as a whole
      {"FROM WHERE", StatementKind::kMayCommitInside},
      {"BEGIN", StatementKind::kBegin},
      {"START TRANSACTION READ ONLY", StatementKind::kBegin},
      {"COMMIT", StatementKind::kCommit},
      {"END", StatementKind::kCommit},
      {"ROLLBACK", StatementKind::kSingle},
      {"PREPARE TRANSACTION 'x'", StatementKind::kTwoPhase},
      {"COMMIT PREPARED 'x'", StatementKind::kTwoPhase},
  };
  for (const KindCase& c : cases) EXPECT_EQ(One(c.sql).kind, c.kind) << c.sql;
}

TEST(StatementTraitsTest, Control) {
  EXPECT_EQ(One("BEGIN").control, Control::kBegin);
  EXPECT_EQ(One("COMMIT").control, Control::kCommit);
  EXPECT_EQ(One("ABORT").control, Control::kRollback);
  EXPECT_EQ(One("ROLLBACK TO s").control, Control::kOther);
  EXPECT_EQ(One("COMMIT AND CHAIN").control, Control::kOther);
  EXPECT_EQ(One("SELECT 1").control, Control::kNone);
}

TEST(StatementTraitsTest, WritesAreThoseThatAStandbyRefuses) {
  EXPECT_TRUE(One("update t set i = 1").writes);
  EXPECT_TRUE(One("/* a comment */ DELETE FROM t").writes);
  EXPECT_TRUE(One("COPY t FROM STDIN").writes);
  EXPECT_FALSE(One("COPY t TO STDOUT").writes);
  EXPECT_FALSE(One("SELECT f()").writes);
}

TEST(StatementTraitsTest, SeveralStatements) {
  EXPECT_EQ(JudgeText("SELECT 1; SELECT 2", {}).size(), 2u);
  EXPECT_EQ(JudgeText("", {}).size(), 0u);
  EXPECT_EQ(JudgeText(" ; ", {}).size(), 0u);
  EXPECT_EQ(JudgeText("select ';'", {}).size(), 1u);
  const auto kind_of = [](const std::string& sql) {
    const std::vector<StatementTraits> all = JudgeText(sql, {});
    std::vector<const StatementTraits*> pointers;
    for (const StatementTraits& traits : all) pointers.push_back(&traits);
    return KindOfAll(pointers);
  };
  EXPECT_EQ(kind_of("INSERT INTO t VALUES (1); SELECT 2"), StatementKind::kPipeline);
  EXPECT_EQ(kind_of("INSERT INTO t VALUES (1); COMMIT"), StatementKind::kMayCommitInside);
  EXPECT_EQ(kind_of("BEGIN; SELECT 1"), StatementKind::kMayCommitInside);
  EXPECT_EQ(kind_of("SELECT 1; ROLLBACK"), StatementKind::kMayCommitInside);
  EXPECT_EQ(kind_of(""), StatementKind::kSingle);
}

bool Has(const std::string& sql, Unmovable what) {
  for (const SessionChange& change : One(sql).changes) {
    if (change.kind == Kind::kHas && change.what == what) return true;
  }
  return false;
}

TEST(StatementTraitsTest, WhatNoOtherConnectionCanBeGiven) {
  EXPECT_TRUE(Has("CREATE TEMP TABLE t (i int)", Unmovable::kTemporary));
  EXPECT_TRUE(Has("CREATE TEMPORARY VIEW v AS SELECT 1", Unmovable::kTemporary));
  EXPECT_TRUE(Has("SELECT 1 INTO TEMP t", Unmovable::kTemporary));
  EXPECT_TRUE(Has("CREATE TABLE pg_temp.t AS SELECT 1", Unmovable::kTemporary));
  EXPECT_TRUE(Has("CREATE TEMP SEQUENCE s", Unmovable::kTemporary));
  EXPECT_TRUE(Has("SELECT pg_advisory_lock(1)", Unmovable::kAdvisoryLock));
  EXPECT_TRUE(Has("SELECT PG_TRY_ADVISORY_LOCK_SHARED(1, 2)", Unmovable::kAdvisoryLock));
  EXPECT_FALSE(Has("SELECT pg_advisory_xact_lock(1)", Unmovable::kAdvisoryLock));
  EXPECT_TRUE(Has(R"(SELECT U&"pg\005fadvisory_lock"(1))", Unmovable::kAdvisoryLock));
  EXPECT_TRUE(Has("LISTEN c", Unmovable::kListen));
  EXPECT_TRUE(Has("DECLARE c CURSOR WITH HOLD FOR SELECT 1", Unmovable::kHeldCursor));
  EXPECT_FALSE(Has("DECLARE c CURSOR FOR SELECT 1", Unmovable::kHeldCursor));
  EXPECT_TRUE(Has("SELECT set_config('a.b', 'c', false)", Unmovable::kSettings));
  EXPECT_FALSE(Has("SELECT set_config('a.b', 'c', true)", Unmovable::kSettings));
  EXPECT_TRUE(Has("DO $$ BEGIN END $$", Unmovable::kUnjudged));
  EXPECT_TRUE(Has("CALL p()", Unmovable::kUnjudged));
  EXPECT_TRUE(Has("A NEW STATEMENT", Unmovable::kUnjudged));
}

TEST(StatementTraitsTest, WhatIsRemembered) {
  const StatementTraits set = One("SET Search_Path TO a, b");
  ASSERT_EQ(set.changes.size(), 1u);
  EXPECT_EQ(set.changes[0].kind, Kind::kRemember);
  EXPECT_EQ(set.changes[0].key, "search_path");
  EXPECT_EQ(set.changes[0].text, "SET Search_Path TO a, b");
  EXPECT_TRUE(One("SET LOCAL search_path TO a").changes.empty());
  EXPECT_EQ(One("RESET search_path").changes.at(0).kind, Kind::kForget);
  EXPECT_EQ(One("SET search_path TO DEFAULT").changes.at(0).kind, Kind::kForget);
  EXPECT_EQ(One("RESET ALL").changes.at(0).kind, Kind::kForgetAll);
  EXPECT_EQ(One("SET TIME ZONE 'UTC'").changes.at(0).key, "timezone");
  EXPECT_EQ(One("SET ROLE r").changes.at(0).key, "role");
  EXPECT_EQ(One("PREPARE p AS SELECT 1").changes.at(0).kind, Kind::kRememberName);
  EXPECT_EQ(One("DEALLOCATE p").changes.at(0).kind, Kind::kForgetName);
  EXPECT_EQ(One("DEALLOCATE ALL").changes.at(0).kind, Kind::kForgetNames);
  EXPECT_EQ(One("DISCARD ALL").changes.at(0).kind, Kind::kDiscardAll);
  EXPECT_EQ(One("UNLISTEN *").changes.at(0).kind, Kind::kHasNoMore);
  EXPECT_TRUE(One("SET TRANSACTION READ ONLY").changes.empty());
  EXPECT_EQ(One("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY").changes.at(0).kind,
            Kind::kRemember);
}

TEST(StatementTraitsTest, TheTextOfOneOfSeveralStatements) {
  const std::vector<StatementTraits> all = JudgeText("SELECT 1; SET a.b TO 'x;y'; SELECT 2", {});
  ASSERT_EQ(all.size(), 3u);
  ASSERT_EQ(all[1].changes.size(), 1u);
  EXPECT_EQ(all[1].changes[0].text, " SET a.b TO 'x;y'");
}

TEST(StatementTraitsTest, ATextThatTheGrammarReadsInAnotherWayMayDoAnything) {
  TextRules rules;
  rules.grammar_fits = false;
  EXPECT_EQ(JudgeText("BEGIN", rules).at(0).kind, StatementKind::kMayCommitInside);
  EXPECT_EQ(JudgeText("SELECT 1", rules).at(0).kind, StatementKind::kSingle);
}

TEST(StatementTraitsTest, ADeepTextDoesNotEndTheProxy) {
  const std::string deep = "SELECT " + std::string(3000, '(') + "1" + std::string(3000, ')') + ";;";
  EXPECT_EQ(JudgeText(deep, {}).size(), 1u);
  std::string sum = "SELECT 1";
  for (int i = 0; i < 16000; ++i) sum += "+1";
  ASSERT_LT(sum.size(), std::size_t{32} << 10);
  EXPECT_EQ(One(sum + ";;").kind, StatementKind::kMayCommitInside);
  // A longer text is not parsed at all.
  for (int i = 0; i < 16000; ++i) sum += "+1";
  EXPECT_EQ(One(sum + ";;").kind, StatementKind::kMayCommitInside);
}

}  // namespace
}  // namespace postgres_proxy

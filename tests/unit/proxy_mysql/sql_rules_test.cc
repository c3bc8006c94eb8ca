// Each row of the tables in sql_rules.cc has an example: a statement that has another trait as soon
// as the row, or one phrase of the row, is missing.
#include "proxy/mysql/protocol/sql_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/mysql/protocol/sql_scan.h"

namespace mysql_proxy {
namespace {

using namespace sign;  // NOLINT(google-build-using-namespace): as in sql_rules.cc.

// The traits as a set of signs, so that a failure prints one number.
Signs TraitsOf(std::string_view sql, const SqlRules& rules) {
  const SqlTraits traits = ScanSql(sql, TextRules{}, rules);
  return (traits.compound ? kCompound : 0) |
         (traits.uses_connection_state ? kUsesConnectionState : 0) |
         (traits.reads_insert_id ? kReadsInsertId : 0) |
         (traits.reads_last_result ? kReadsLastResult : 0) |
         (traits.sets_names_with_collation ? kSetsNamesWithCollation : 0) |
         (traits.has_temporary_variables ? kHasTemporaryVariables : 0) |
         (traits.writes ? kWrites : 0) | (traits.commits ? kCommits : 0) |
         (traits.ends_transaction ? kEndsTransaction : 0) | (traits.calls ? kCalls : 0) |
         (traits.reads_sequence ? kReadsSequence : 0) | (traits.reads_gtid ? kReadsGtid : 0) |
         (traits.xa_prepares ? kXaPrepares : 0) | (traits.xa_ends ? kXaEnds : 0) |
         (traits.begins_transaction ? kBeginsTransaction : 0);
}

// A text that is read with Reading::kEveryWord and is not compound for that reason alone.
#define IN_DOUBT "\"\\\"\""

constexpr Signs kBlock = kCompound | kHasTemporaryVariables;

// What the table must say about one phrase, and a statement with such traits that shows it.
struct WordExample {
  std::string_view phrase;
  Where where;
  Signs signs;
  std::string_view sql;
  Signs traits;
};

const WordExample kWordExamples[] = {
    {"SELECT", Where::kStart, kOneStatement, "select 1", 0},
    {"INSERT", Where::kStart, kOneStatement, "insert into t values (1)", kWrites},
    {"UPDATE", Where::kStart, kOneStatement, "update t set v=1", kWrites},
    {"DELETE", Where::kStart, kOneStatement, "delete from t", kWrites},
    {"REPLACE", Where::kStart, kOneStatement, "replace into t values (1)", kWrites},
    {"WITH", Where::kStart, kOneStatement, "with x as (select 1) select * from x", 0},
    {"VALUES", Where::kStart, kOneStatement, "values (1)", 0},
    {"TABLE", Where::kStart, kOneStatement, "table t", 0},
    {"LOAD", Where::kStart, kOneStatement, "load data infile 'f' into table t", kEndsTransaction},
    {"SHOW", Where::kStart, kOneStatement, "show tables", 0},
    {"HELP", Where::kStart, kOneStatement, "help 'select'", 0},
    {"EXPLAIN", Where::kStart, kOneStatement, "explain select 1", 0},
    {"DESCRIBE", Where::kStart, kOneStatement, "describe t", 0},
    {"DESC", Where::kStart, kOneStatement, "desc t", 0},
    {"ANALYZE", Where::kStart, kOneStatement, "analyze table t", kEndsTransaction},
    {"START", Where::kStart, kOneStatement, "start transaction",
     kEndsTransaction | kBeginsTransaction},
    {"BEGIN", Where::kStart, kOneStatement, "begin", kEndsTransaction | kBeginsTransaction},
    {"COMMIT", Where::kStart, kOneStatement, "commit", kCommits},
    {"ROLLBACK", Where::kStart, kOneStatement, "rollback", 0},
    {"SAVEPOINT", Where::kStart, kOneStatement, "savepoint s", 0},
    {"RELEASE", Where::kStart, kOneStatement, "release savepoint s", 0},
    {"XA", Where::kStart, kOneStatement, "xa start 'x'", kCommits | kBeginsTransaction},
    {"USE", Where::kStart, kOneStatement, "use test", 0},
    {"SET", Where::kStart, kOneStatement, "set sql_mode=''", kEndsTransaction},
    {"DO", Where::kStart, kOneStatement, "do 1", 0},
    {"CREATE", Where::kStart, kOneStatement, "create table t (a int)", kEndsTransaction},
    {"ALTER", Where::kStart, kOneStatement, "alter table t add b int", kEndsTransaction},
    {"DROP", Where::kStart, kOneStatement, "drop table t", kEndsTransaction},
    {"TRUNCATE", Where::kStart, kOneStatement, "truncate table t", kEndsTransaction},
    {"RENAME", Where::kStart, kOneStatement, "rename table t to u", kEndsTransaction},
    {"GRANT", Where::kStart, kOneStatement, "grant select on t to u", kEndsTransaction},
    {"REVOKE", Where::kStart, kOneStatement, "revoke select on t from u", kEndsTransaction},
    {"LOCK", Where::kStart, kOneStatement, "lock tables t read",
     kEndsTransaction | kBeginsTransaction},
    {"UNLOCK", Where::kStart, kOneStatement, "unlock tables", kEndsTransaction},
    {"HANDLER", Where::kStart, kOneStatement, "handler t open", kUsesConnectionState},
    {"CHECK", Where::kStart, kOneStatement, "check table t", kEndsTransaction},
    {"OPTIMIZE", Where::kStart, kOneStatement, "optimize table t", kEndsTransaction},
    {"REPAIR", Where::kStart, kOneStatement, "repair table t", kEndsTransaction},
    {"FLUSH", Where::kStart, kOneStatement, "flush tables", kEndsTransaction},
    {"KILL", Where::kStart, kOneStatement, "kill 1", 0},
    {"PREPARE", Where::kStart, kOneStatement, "prepare s from 'select 1'", 0},
    {"DEALLOCATE", Where::kStart, kOneStatement, "deallocate prepare s", 0},
    {"SET STATEMENT", Where::kStart, kCompound, "set statement a=1 for select 1",
     kBlock | kEndsTransaction},
    {"BEGIN NOT", Where::kStart, kCompound, "begin not atomic",
     kCompound | kEndsTransaction | kBeginsTransaction},
    {"INSERT", Where::kCertainStart, kWritesFirst, "insert into t values (1)", kWrites},
    {"UPDATE", Where::kCertainStart, kWritesFirst, "update t set v=1", kWrites},
    {"DELETE", Where::kCertainStart, kWritesFirst, "delete from t", kWrites},
    {"REPLACE", Where::kCertainStart, kWritesFirst, "replace into t values (1)", kWrites},
    {"COMMIT", Where::kStart, kCommits, "commit", kCommits},
    {"XA", Where::kStart, kCommits, "xa commit 'x'", kCommits | kXaEnds | kBeginsTransaction},
    {"CREATE", Where::kStart, kEndsTransaction, "create table t (a int)", kEndsTransaction},
    {"ALTER", Where::kStart, kEndsTransaction, "alter table t add b int", kEndsTransaction},
    {"DROP", Where::kStart, kEndsTransaction, "drop table t", kEndsTransaction},
    {"TRUNCATE", Where::kStart, kEndsTransaction, "truncate table t", kEndsTransaction},
    {"RENAME", Where::kStart, kEndsTransaction, "rename table t to u", kEndsTransaction},
    {"GRANT", Where::kStart, kEndsTransaction, "grant select on t to u", kEndsTransaction},
    {"REVOKE", Where::kStart, kEndsTransaction, "revoke select on t from u", kEndsTransaction},
    {"LOCK", Where::kStart, kEndsTransaction, "lock tables t read",
     kEndsTransaction | kBeginsTransaction},
    {"UNLOCK", Where::kStart, kEndsTransaction, "unlock tables", kEndsTransaction},
    {"CHECK", Where::kStart, kEndsTransaction, "check table t", kEndsTransaction},
    {"OPTIMIZE", Where::kStart, kEndsTransaction, "optimize table t", kEndsTransaction},
    {"REPAIR", Where::kStart, kEndsTransaction, "repair table t", kEndsTransaction},
    {"ANALYZE", Where::kStart, kEndsTransaction, "analyze table t", kEndsTransaction},
    {"FLUSH", Where::kStart, kEndsTransaction, "flush tables", kEndsTransaction},
    {"LOAD", Where::kStart, kEndsTransaction, "load index into cache t", kEndsTransaction},
    {"SET", Where::kStart, kEndsTransaction, "set sql_mode=''", kEndsTransaction},
    {"START", Where::kStart, kEndsTransaction, "start transaction",
     kEndsTransaction | kBeginsTransaction},
    {"BEGIN", Where::kStart, kEndsTransaction, "begin", kEndsTransaction | kBeginsTransaction},
    {"START", Where::kStart, kBeginsTransaction, "start transaction",
     kEndsTransaction | kBeginsTransaction},
    {"BEGIN", Where::kStart, kBeginsTransaction, "begin", kEndsTransaction | kBeginsTransaction},
    {"XA", Where::kStart, kBeginsTransaction, "xa start 'x'", kCommits | kBeginsTransaction},
    {"LOCK", Where::kStart, kBeginsTransaction, "lock tables t read",
     kEndsTransaction | kBeginsTransaction},
    {"BACKUP", Where::kStart, kUsesConnectionState, "backup stage start",
     kCompound | kUsesConnectionState},
    {"FLUSH", Where::kStart, kFlushes, "flush tables with read lock",
     kUsesConnectionState | kEndsTransaction},
    {"XA PREPARE", Where::kStart, kXaPrepares, "xa prepare 'x'",
     kCommits | kXaPrepares | kBeginsTransaction},
    {"XA COMMIT", Where::kStart, kXaEnds, "xa commit 'x'", kCommits | kXaEnds | kBeginsTransaction},
    {"XA ROLLBACK", Where::kStart, kXaEnds, "xa rollback 'x'",
     kCommits | kXaEnds | kBeginsTransaction},
    {"CALL", Where::kCertainStart, kCalls, "call p()", kCompound | kCalls},
    {"HANDLER", Where::kStart, kUsesConnectionState, "handler t open", kUsesConnectionState},
    {"SHOW WARNINGS", Where::kCertainStart, kReadsLastResult, "show warnings", kReadsLastResult},
    {"SHOW ERRORS", Where::kCertainStart, kReadsLastResult, "show errors", kReadsLastResult},
    {"SHOW COUNT", Where::kCertainStart, kReadsLastResult, "show count(*) errors",
     kReadsLastResult},
    {"GET DIAGNOSTICS", Where::kCertainStart, kReadsLastResult, "get diagnostics p = number",
     kCompound | kReadsLastResult},
    {"GET CURRENT", Where::kCertainStart, kReadsLastResult, "get current diagnostics p = number",
     kCompound | kReadsLastResult},
    {"SET", Where::kStart, kSetsFirst, "set sql_mode='', names a collate b",
     kUsesConnectionState | kEndsTransaction},
    {"SET NAMES", Where::kStart, kSetsNamesFirst, "set names a collate b",
     kSetsNamesWithCollation | kEndsTransaction},

    {"GET_LOCK", Where::kName, kUsesConnectionState, "select `get_lock`('x', 1)",
     kUsesConnectionState},
    {"SESSION_TRACK_", Where::kNameBegin, kUsesConnectionState, "set session_track_schema=off",
     kUsesConnectionState | kEndsTransaction},
    {"LAST_INSERT_ID", Where::kName, kReadsInsertId, "select `last_insert_id`()", kReadsInsertId},
    {"IDENTITY", Where::kSystemVariable, kReadsInsertId, "select identity, @@session.`identity`",
     kReadsInsertId},
    {"LASTVAL", Where::kName, kReadsSequence, "select `lastval`(s)", kReadsSequence},
    {"PREVIOUS VALUE", Where::kWord, kReadsSequence, "select previous value for s", kReadsSequence},
    {"LAST_GTID", Where::kSystemVariable, kReadsGtid, "select last_gtid, @@last_gtid", kReadsGtid},
    {"AND CHAIN", Where::kWord, kBeginsTransaction, "commit and chain",
     kCommits | kBeginsTransaction},
    {"LOCK", Where::kWord, kLocks, "flush tables with read lock",
     kUsesConnectionState | kEndsTransaction},
    {"EXPORT", Where::kWord, kLocks, "flush tables t for export",
     kUsesConnectionState | kEndsTransaction},
    {"FOUND_ROWS", Where::kName, kReadsLastResult, "select found_rows()", kReadsLastResult},
    {"ROW_COUNT", Where::kName, kReadsLastResult, "select row_count()", kReadsLastResult},
    {"WARNING_COUNT", Where::kSystemVariable, kReadsLastResult, "select @@warning_count",
     kReadsLastResult},
    {"ERROR_COUNT", Where::kSystemVariable, kReadsLastResult, "select @@error_count",
     kReadsLastResult},
    {"WARNINGS", Where::kWordInDoubt, kReadsLastResult, "show " IN_DOUBT " warnings",
     kReadsLastResult},
    {"ERRORS", Where::kWordInDoubt, kReadsLastResult, "show " IN_DOUBT " errors", kReadsLastResult},
    {"DIAGNOSTICS", Where::kWordInDoubt, kReadsLastResult, "do " IN_DOUBT " diagnostics",
     kReadsLastResult},
    {"HANDLER", Where::kWord, kHandler, "do 1; handler t open", kCompound | kUsesConnectionState},
    {"STATEMENT", Where::kWordInDoubt, kSeveral, "do " IN_DOUBT " statement",
     kBlock | kUsesConnectionState},
    {"ATOMIC", Where::kWordInDoubt, kSeveral, "do " IN_DOUBT " atomic", kCompound},
    {"SET STATEMENT", Where::kWord, kSetStatement, "do 1; set statement a=1 for do 1",
     kBlock | kUsesConnectionState},
    {"STATEMENT", Where::kWordInDoubt, kSetStatement, "do " IN_DOUBT " statement",
     kBlock | kUsesConnectionState},
    {"SELECT", Where::kBehindFor, kForRows, "set statement a=1 for select 1 for update",
     kBlock | kEndsTransaction},
    {"INSERT", Where::kBehindFor, kForRows, "set statement a=1 for insert into t values (1)",
     kBlock | kEndsTransaction},
    {"UPDATE", Where::kBehindFor, kForRows, "set statement a=1 for update t set b=1",
     kBlock | kEndsTransaction},
    {"DELETE", Where::kBehindFor, kForRows, "set statement a=1 for delete from t",
     kBlock | kEndsTransaction},
    {"REPLACE", Where::kBehindFor, kForRows, "set statement a=1 for replace into t values (1)",
     kBlock | kEndsTransaction},
    {"WITH", Where::kBehindFor, kForRows, "set statement a=1 for with x as (select 1) table x",
     kBlock | kEndsTransaction},
    {"VALUES", Where::kBehindFor, kForRows, "set statement a=1 for values (1)",
     kBlock | kEndsTransaction},
    {"NAMES", Where::kWord, kNames, "set sql_mode='', names a collate b",
     kUsesConnectionState | kEndsTransaction},
    {"COLLATE", Where::kWord, kCollate, "set names a collate b",
     kSetsNamesWithCollation | kEndsTransaction},
};

// What the table must say about some signs, and a statement with such traits that shows it.
struct TraitExample {
  Signs all;
  Signs none;
  Signs trait;
  Signs traits;
  std::string_view sql;
};

const TraitExample kTraitExamples[] = {
    {kSeveral, 0, kCompound, kCompound, "do 1; do 2"},
    {kHasWord, kOneStatement, kCompound, kCompound | kCalls, "call p()"},
    {kOddStart, 0, kCompound, kCompound, "'a' select 1"},
    {kUserVariable, 0, kUsesConnectionState, kUsesConnectionState, "select @a"},
    {kHandler | kCompound, 0, kUsesConnectionState, kCompound | kUsesConnectionState,
     "do 1; handler t open"},
    {kFlushes | kLocks, 0, kUsesConnectionState, kUsesConnectionState | kEndsTransaction,
     "flush tables with read lock"},
    {kSetStatement | kCompound, 0, kHasTemporaryVariables, kBlock | kEndsTransaction,
     "set statement a=1 for select 1"},
    {kHasTemporaryVariables | kSeveral, 0, kUsesConnectionState,
     kBlock | kUsesConnectionState | kEndsTransaction, "set statement a=1 for select 1; set b=1"},
    {kHasTemporaryVariables, kForRows, kUsesConnectionState,
     kBlock | kUsesConnectionState | kEndsTransaction, "set statement a=1 for set b=1"},
    {kWritesFirst, kCompound, kWrites, kWrites, "delete from t"},
    {kSetsNamesFirst | kCollate, kComma | kCompound | kInDoubt, kSetsNamesWithCollation,
     kSetsNamesWithCollation | kEndsTransaction, "set names a collate b"},
    {kSetsFirst | kNames | kCollate, kSetsNamesWithCollation, kUsesConnectionState,
     kUsesConnectionState | kEndsTransaction, "set names a collate b, sql_mode=''"},
    {kCompound | kNames | kCollate, 0, kUsesConnectionState, kCompound | kUsesConnectionState,
     "do 1; set names a collate b"},
};

// What a test is listed with. The text of a statement would confuse ctest.
void PrintTo(const WordExample& example, std::ostream* out) { *out << example.phrase; }
void PrintTo(const TraitExample& example, std::ostream* out) { *out << example.trait; }

// Takes the phrase out of the rules, and returns out of how many rows.
std::size_t Drop(const WordExample& example, std::vector<WordRule>& rules) {
  std::size_t dropped = 0;
  for (WordRule& rule : rules) {
    if (rule.where != example.where || rule.signs != example.signs) continue;
    std::vector<std::string_view> others;
    for (const std::string_view phrase : rule.phrases) {
      if (phrase != example.phrase) others.push_back(phrase);
    }
    if (others.size() < rule.phrases.size()) ++dropped;
    rule.phrases = std::move(others);
  }
  return dropped;
}

std::size_t Drop(const TraitExample& example, std::vector<TraitRule>& rules) {
  std::vector<TraitRule> others;
  for (const TraitRule& rule : rules) {
    const bool same =
        rule.all == example.all && rule.none == example.none && rule.trait == example.trait;
    if (!same) others.push_back(rule);
  }
  const std::size_t dropped = rules.size() - others.size();
  rules = std::move(others);
  return dropped;
}

class WordRowTest : public ::testing::TestWithParam<WordExample> {};

TEST_P(WordRowTest, IsNeeded) {
  const WordExample& example = GetParam();
  SqlRules rules = DefaultSqlRules();
  EXPECT_EQ(TraitsOf(example.sql, rules), example.traits) << example.sql;
  EXPECT_EQ(Drop(example, rules.starts) + Drop(example, rules.words), 1u);
  EXPECT_NE(TraitsOf(example.sql, rules), example.traits) << example.sql << " without the phrase";
}

class TraitRowTest : public ::testing::TestWithParam<TraitExample> {};

TEST_P(TraitRowTest, IsNeeded) {
  const TraitExample& example = GetParam();
  SqlRules rules = DefaultSqlRules();
  EXPECT_EQ(TraitsOf(example.sql, rules), example.traits) << example.sql;
  EXPECT_EQ(Drop(example, rules.traits), 1u);
  EXPECT_NE(TraitsOf(example.sql, rules), example.traits) << example.sql << " without the rule";
}

std::string Identifier(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += plain ? c : '_';
  }
  return name;
}

// A phrase may stand in several rows: the number of the example tells the rows apart.
std::string NameOfWordExample(const ::testing::TestParamInfo<WordExample>& example) {
  return Identifier(example.param.phrase) + "_" + std::to_string(example.index);
}

std::string NameOfTraitExample(const ::testing::TestParamInfo<TraitExample>& example) {
  return Identifier(example.param.sql);
}

INSTANTIATE_TEST_SUITE_P(SqlRules, WordRowTest, ::testing::ValuesIn(kWordExamples),
                         NameOfWordExample);
INSTANTIATE_TEST_SUITE_P(SqlRules, TraitRowTest, ::testing::ValuesIn(kTraitExamples),
                         NameOfTraitExample);

TEST(SqlRulesTest, EveryRowHasAnExampleAndAReason) {
  SqlRules left = DefaultSqlRules();
  for (const WordRule& rule : left.starts) EXPECT_FALSE(rule.reason.empty());
  for (const WordRule& rule : left.words) EXPECT_FALSE(rule.reason.empty());
  for (const TraitRule& rule : left.traits) EXPECT_FALSE(rule.reason.empty());
  for (const WordExample& example : kWordExamples) {
    Drop(example, left.starts);
    Drop(example, left.words);
  }
  for (const TraitExample& example : kTraitExamples) Drop(example, left.traits);
  for (const std::vector<WordRule>* rules : {&left.starts, &left.words}) {
    for (const WordRule& rule : *rules) {
      EXPECT_THAT(rule.phrases, ::testing::IsEmpty()) << rule.reason;
    }
  }
  for (const TraitRule& rule : left.traits) ADD_FAILURE() << "no example: " << rule.reason;
}

// A start among the words, or a word among the starts, would never be found.
TEST(SqlRulesTest, EveryRowStandsInTheTableOfItsPlace) {
  const auto is_start = [](const WordRule& rule) {
    return rule.where == Where::kStart || rule.where == Where::kCertainStart;
  };
  EXPECT_THAT(DefaultSqlRules().starts, ::testing::Each(::testing::Truly(is_start)));
  EXPECT_THAT(DefaultSqlRules().words, ::testing::Each(::testing::Not(::testing::Truly(is_start))));
}

}  // namespace
}  // namespace mysql_proxy

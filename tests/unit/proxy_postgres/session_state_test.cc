#include "proxy/postgres/session/session_state.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace postgres_proxy {
namespace {

// Runs statements as a backend would answer them.
class SessionStateTest : public ::testing::Test {
 protected:
  SessionStateTest() { state_.Connected(kFresh, kFresh); }

  // One Query with one statement, and what it answers.
  void Run(const std::string& sql, const std::string& tag, char status) {
    for (const StatementTraits& traits : JudgeText(sql, state_.text_rules())) {
      state_.Succeeded(traits, tag);
      state_.Executed(traits);
    }
    state_.Ready(status);
  }
  void Fail(const std::string& sql, char status) {
    state_.Failed();
    for (const StatementTraits& traits : JudgeText(sql, state_.text_rules())) {
      state_.Executed(traits);
    }
    state_.Ready(status);
  }

  const Reported kFresh = {{"TimeZone", "UTC"}, {"server_version", "15"}};
  SessionState state_{1000};
};

using Texts = std::vector<std::string>;

TEST_F(SessionStateTest, ASettingIsMadeAgain) {
  Run("SET a.b TO 1", "SET", 'I');
  Run("SET search_path TO x", "SET", 'I');
  Run("SET a.b TO 2", "SET", 'I');
  EXPECT_EQ(state_.RestoreStatements(), (Texts{"SET search_path TO x", "SET a.b TO 2"}));
  Run("RESET a.b", "RESET", 'I');
  EXPECT_EQ(state_.RestoreStatements(), Texts{"SET search_path TO x"});
  Run("RESET ALL", "RESET", 'I');
  EXPECT_TRUE(state_.RestoreStatements().empty());
}

TEST_F(SessionStateTest, ARollbackUndoesASetting) {
  Run("BEGIN", "BEGIN", 'T');
  Run("SET a.b TO 1", "SET", 'T');
  Run("ROLLBACK", "ROLLBACK", 'I');
  EXPECT_TRUE(state_.RestoreStatements().empty());
  Run("BEGIN", "BEGIN", 'T');
  Run("SET a.b TO 1", "SET", 'T');
  Run("COMMIT", "COMMIT", 'I');
  EXPECT_EQ(state_.RestoreStatements().size(), 1u);
}

TEST_F(SessionStateTest, ACommitOfAFailedTransactionIsARollback) {
  Run("BEGIN", "BEGIN", 'T');
  Run("SET a.b TO 1", "SET", 'T');
  Fail("SELECT 1/0", 'E');
  Run("COMMIT", "ROLLBACK", 'I');
  EXPECT_TRUE(state_.RestoreStatements().empty());
}

TEST_F(SessionStateTest, AnErrorUndoesTheRestOfItsRequest) {
  for (const StatementTraits& traits : JudgeText("SET a.b TO 1; SELECT 1/0", {})) {
    state_.Succeeded(traits, "SET");
    break;
  }
  state_.Failed();
  state_.Ready('I');
  EXPECT_TRUE(state_.RestoreStatements().empty());
}

TEST_F(SessionStateTest, ASavepointMakesSettingsUncertain) {
  Run("BEGIN", "BEGIN", 'T');
  Run("SET a.b TO 1", "SET", 'T');
  Run("ROLLBACK TO s", "ROLLBACK", 'T');
  EXPECT_TRUE(state_.Has(Unmovable::kSettings));
  EXPECT_TRUE(state_.transaction_open());
}

TEST_F(SessionStateTest, PreparedNamesSurviveARollback) {
  Run("BEGIN", "BEGIN", 'T');
  Run("PREPARE p AS SELECT 1", "PREPARE", 'T');
  Run("ROLLBACK", "ROLLBACK", 'I');
  EXPECT_EQ(state_.RestoreStatements(), Texts{"PREPARE p AS SELECT 1"});
  Run("RESET ALL", "RESET", 'I');
  EXPECT_EQ(state_.RestoreStatements().size(), 1u);
  Run("DEALLOCATE p", "DEALLOCATE", 'I');
  EXPECT_TRUE(state_.RestoreStatements().empty());
}

TEST_F(SessionStateTest, DiscardAllMakesTheSessionNew) {
  Run("CREATE TEMP TABLE t (i int)", "CREATE TABLE", 'I');
  Run("LISTEN c", "LISTEN", 'I');
  Run("SET a.b TO 1", "SET", 'I');
  EXPECT_NE(state_.Unmovables(), "");
  Run("DISCARD ALL", "DISCARD ALL", 'I');
  EXPECT_EQ(state_.Unmovables(), "");
  EXPECT_TRUE(state_.RestoreStatements().empty());
}

TEST_F(SessionStateTest, ABlockThatFailedMayHaveLeftALock) {
  Fail("DO $$ BEGIN END $$", 'I');
  EXPECT_TRUE(state_.Has(Unmovable::kUnjudged));
}

TEST_F(SessionStateTest, AReportedValueThatTheTextDoesNotShowIsSetAgain) {
  state_.LearnParameter("TimeZone", "Europe/O'Brien\\");
  state_.Ready('T');
  EXPECT_TRUE(state_.RestoreReported(kFresh).empty());
  state_.Ready('I');
  EXPECT_EQ(state_.RestoreReported(kFresh), Texts{R"(SET TimeZone TO E'Europe/O''Brien\\')"});
}

TEST_F(SessionStateTest, AValueThatOnlyTheServerChangesIsNotSet) {
  const Reported other = {{"TimeZone", "CET"}, {"server_version", "16"}};
  EXPECT_TRUE(state_.RestoreReported(other).empty());
}

TEST_F(SessionStateTest, ATransactionThatIsLostTakesItsSettingsWithIt) {
  Run("BEGIN", "BEGIN", 'T');
  Run("SET a.b TO 1", "SET", 'T');
  state_.LearnParameter("TimeZone", "CET");
  state_.TransactionLost();
  EXPECT_FALSE(state_.transaction_open());
  EXPECT_TRUE(state_.RestoreStatements().empty());
  EXPECT_EQ(state_.reported().at("TimeZone"), "UTC");
}

TEST_F(SessionStateTest, TooManySettingsCannotBeMoved) {
  Run("SET a.b TO '" + std::string(2000, 'x') + "'", "SET", 'I');
  EXPECT_TRUE(state_.Has(Unmovable::kSettings));
}

TEST_F(SessionStateTest, TheGrammarFitsOnlyToSomeSettings) {
  EXPECT_TRUE(state_.text_rules().grammar_fits);
  state_.LearnParameter("standard_conforming_strings", "off");
  EXPECT_FALSE(state_.text_rules().grammar_fits);
  state_.LearnParameter("standard_conforming_strings", "on");
  state_.LearnParameter("client_encoding", "SJIS");
  EXPECT_FALSE(state_.text_rules().grammar_fits);
}

TEST_F(SessionStateTest, AReadOnlyTransactionIsTheClientsOwnWish) {
  Run("BEGIN READ ONLY", "BEGIN", 'T');
  EXPECT_TRUE(state_.read_only_requested());
  Run("COMMIT", "COMMIT", 'I');
  EXPECT_FALSE(state_.read_only_requested());
  state_.LearnParameter("default_transaction_read_only", "on");
  EXPECT_TRUE(state_.read_only_requested());
}

TEST_F(SessionStateTest, BugAnOpenTransactionTookMoreMemoryWithEachSetting) {
  for (const std::string end : {"ROLLBACK", "COMMIT"}) {
    Run("BEGIN", "BEGIN", 'T');
    for (int i = 0; i < 1000; ++i) Run("SET a.b TO 1", "SET", 'T');
    Run(end, end, 'I');
    // A session with more settings than can be kept does not move.
    EXPECT_EQ(state_.Has(Unmovable::kSettings), end == "COMMIT");
  }
}

}  // namespace
}  // namespace postgres_proxy

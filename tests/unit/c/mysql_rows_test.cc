// Compares the verdicts in C with those in C++, for each error of the table and each state of a
// statement.
#include <gtest/gtest.h>

#include <cstdint>

#include "absl/status/status.h"
#include "c/verdict_text.h"
#include "failover/c/mysql.h"
#include "failover/mysql/errors.h"
#include "mysql/error_rows.h"

namespace failover::mysql {
namespace {

fo_verdict VerdictOn(const MysqlError& error, const fo_mysql_statement* statement) {
  fo_mysql_error told = {};
  told.struct_size = sizeof(told);
  told.number = error.number;
  told.sqlstate = error.sqlstate.c_str();
  told.text = error.text.c_str();
  fo_verdict verdict = {};
  verdict.struct_size = sizeof(verdict);
  EXPECT_EQ(fo_mysql_verdict(&told, statement, &verdict), FO_OK) << fo_error_text();
  return verdict;
}

fo_mysql_statement InC(const StatementState& state) {
  constexpr std::int32_t kSendStates[] = {FO_NOT_SENT, FO_SENT, FO_REPLY_STARTED};
  fo_mysql_statement statement = {};
  statement.struct_size = sizeof(statement);
  statement.send_state = kSendStates[static_cast<int>(state.send_state)];
  statement.in_transaction = state.in_transaction ? 1 : 0;
  statement.read_only_requested = state.read_only_requested ? -1 : 0;
  statement.compound = state.compound ? 2 : 0;
  return statement;
}

// Calls `function` with each state that a statement can be in.
template <typename Function>
void ForEachState(Function function) {
  for (const SendState send_state :
       {SendState::kNotSent, SendState::kSent, SendState::kReplyStarted}) {
    for (int flags = 0; flags < 8; ++flags) {
      StatementState state;
      state.send_state = send_state;
      state.in_transaction = (flags & 1) != 0;
      state.read_only_requested = (flags & 2) != 0;
      state.compound = (flags & 4) != 0;
      function(state);
    }
  }
}

TEST(MysqlVerdictInCTest, IsThatOfCxx) {
  for (const Row& row : Rows()) {
    ForEachState([&row](const StatementState& state) {
      const fo_mysql_statement statement = InC(state);
      const absl::Status status = ToStatus(row.error, state);
      EXPECT_EQ(test::VerdictText(VerdictOn(row.error, &statement)), test::ExpectedText(status))
          << row.name;
    });
    EXPECT_EQ(test::VerdictText(VerdictOn(row.error, nullptr)),
              test::ExpectedText(ToStatus(row.error, StatementState())))
        << row.name;
  }
}

TEST(MysqlVerdictInCTest, NotesWhatAFailoverRefusesAndNobodyMayRepeat) {
  for (const Row& row : Rows()) {
    ForEachState([&row](const StatementState& state) {
      if (state.read_only_requested) return;
      const fo_mysql_statement statement = InC(state);
      const fo_verdict verdict = VerdictOn(row.error, &statement);
      const bool sign = state.send_state == SendState::kNotSent ? row.failover_when_not_sent
                                                                : row.failover_when_sent;
      EXPECT_EQ(verdict.wait + verdict.note, sign ? 1 : 0) << row.name;
      EXPECT_FALSE(state.in_transaction && verdict.wait != 0) << row.name;
    });
  }
}

}  // namespace
}  // namespace failover::mysql

// Compares the verdicts in C with those in C++, for each error of the table and each state of a
// statement.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "c/verdict_text.h"
#include "failover/c/postgres.h"
#include "failover/postgres/errors.h"
#include "postgres/error_rows.h"

namespace failover::postgres {
namespace {

// In the order of the enums in C++.
constexpr std::array<std::int32_t, 3> kSendStates = {FO_NOT_SENT, FO_SENT, FO_REPLY_STARTED};
constexpr std::array<std::int32_t, 6> kKinds = {
    FO_POSTGRES_SINGLE, FO_POSTGRES_PIPELINE,  FO_POSTGRES_BEGIN,
    FO_POSTGRES_COMMIT, FO_POSTGRES_TWO_PHASE, FO_POSTGRES_MAY_COMMIT_INSIDE};
constexpr std::array<std::int32_t, 4> kSources = {
    FO_POSTGRES_CONNECTION_LOST, FO_POSTGRES_CONNECT_FAILED, FO_POSTGRES_ERROR_RESPONSE,
    FO_POSTGRES_NOTICE_RESPONSE};
constexpr std::array<const char*, 6> kSeverities = {nullptr, "LOG",   "WARNING",
                                                    "ERROR", "FATAL", "PANIC"};

fo_verdict VerdictOn(const PostgresError& error, const fo_postgres_statement* statement) {
  fo_postgres_error told = {};
  told.struct_size = sizeof(told);
  told.source = kSources[static_cast<std::size_t>(error.source)];
  told.severity = kSeverities[static_cast<std::size_t>(error.severity)];
  told.sqlstate = error.sqlstate.c_str();
  told.text = error.text.c_str();
  told.routine = error.routine.c_str();
  fo_verdict verdict = {};
  verdict.struct_size = sizeof(verdict);
  EXPECT_EQ(fo_postgres_verdict(&told, statement, &verdict), FO_OK) << fo_error_text();
  return verdict;
}

fo_postgres_statement InC(const Statement& state) {
  fo_postgres_statement statement = {};
  statement.struct_size = sizeof(statement);
  statement.send_state = kSendStates[static_cast<std::size_t>(state.send_state)];
  statement.kind = kKinds[static_cast<std::size_t>(state.kind)];
  statement.in_transaction = state.in_transaction ? 1 : 0;
  statement.read_only_requested = state.read_only_requested ? -1 : 0;
  statement.reply_begun = state.reply_begun ? 2 : 0;
  return statement;
}

// Calls `function` with each state that a statement can be in.
template <typename Function>
void ForEachState(Function function) {
  for (std::size_t send_state = 0; send_state < kSendStates.size(); ++send_state) {
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
      for (int flags = 0; flags < 8; ++flags) {
        Statement state;
        state.send_state = static_cast<SendState>(send_state);
        state.kind = static_cast<StatementKind>(kind);
        state.in_transaction = (flags & 1) != 0;
        state.read_only_requested = (flags & 2) != 0;
        state.reply_begun = (flags & 4) != 0;
        function(state);
      }
    }
  }
}

TEST(PostgresVerdictInCTest, IsThatOfCxx) {
  for (const Row& row : Rows()) {
    ForEachState([&row](const Statement& state) {
      const fo_postgres_statement statement = InC(state);
      const absl::Status status = ToStatus(row.error, state);
      EXPECT_EQ(test::VerdictText(VerdictOn(row.error, &statement)), test::ExpectedText(status))
          << row.name;
    });
    EXPECT_EQ(test::VerdictText(VerdictOn(row.error, nullptr)),
              test::ExpectedText(ToStatus(row.error, Statement())))
        << row.name;
  }
}

TEST(PostgresVerdictInCTest, NotesWhatAFailoverRefusesAndNobodyMayRepeat) {
  for (const Row& row : Rows()) {
    ForEachState([&row](const Statement& state) {
      // BEGIN is repeated after errors that say nothing of other statements.
      if (state.read_only_requested || state.kind == StatementKind::kBegin) return;
      const fo_postgres_statement statement = InC(state);
      const fo_verdict verdict = VerdictOn(row.error, &statement);
      const bool sign = state.send_state == SendState::kNotSent ? row.failover_when_not_sent
                                                                : row.failover_when_sent;
      EXPECT_EQ(verdict.wait + verdict.note, sign ? 1 : 0) << row.name;
      EXPECT_FALSE(state.in_transaction && verdict.wait != 0) << row.name;
    });
  }
}

}  // namespace
}  // namespace failover::postgres

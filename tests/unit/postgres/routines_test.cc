// A user can raise an error with any SQLSTATE, and a foreign server can give one. Neither says
// anything about the shard.
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "error_rows.h"
#include "failover/errors.h"
#include "failover/postgres/errors.h"

namespace failover::postgres {
namespace {

PostgresError From(const char* routine, PostgresError error) {
  error.routine = routine;
  return error;
}

TEST(RoutinesTest, TheErrorOfAUserOrOfAForeignServerIsNoFailover) {
  for (const char* const routine :
       {"exec_stmt_raise", "PLy_elog_impl", "pgfdw_report_error", "dblink_res_error"}) {
    for (const char* const sqlstate : {"25006", "40001", "57P01", "08006"}) {
      const PostgresError error =
          From(routine, Response(Severity::kError, sqlstate, "recovery is in progress"));
      const absl::Status status = ToStatus(error, Single());
      EXPECT_EQ(OutcomeOf(status), Outcome::kFailed) << routine << sqlstate;
      EXPECT_FALSE(CausedByFailover(status)) << routine << sqlstate;
      EXPECT_FALSE(CausedByFailover(ToStatus(error, Single(SendState::kNotSent)))) << sqlstate;
    }
  }
}

TEST(RoutinesTest, TheServersOwnRoutinesChangeNothing) {
  for (const char* const routine : {"", "PreventCommandIfReadOnly", "PreventCommandDuringRecovery",
                                    "a function of a later version"}) {
    EXPECT_TRUE(
        CausedByFailover(ToStatus(From(routine, Response(Severity::kError, "25006")), Single())))
        << routine;
  }
  EXPECT_TRUE(CausedByFailover(
      ToStatus(From("ProcessInterrupts", Response(Severity::kFatal, "57P01")), Single())));
}

// No rule of a router's own is asked about such an error either.
TEST(RoutinesTest, ARuleOfTheRouterDoesNotFit) {
  ErrorClassifier classifier;
  classifier.Add({Severity::kError, "MTF01", "", Outcome::kNotExecuted, FailoverSign::kYes});
  const PostgresError error = From("exec_stmt_raise", Response(Severity::kError, "MTF01"));
  EXPECT_FALSE(CausedByFailover(classifier.ToStatus(error, Single())));
}

}  // namespace
}  // namespace failover::postgres

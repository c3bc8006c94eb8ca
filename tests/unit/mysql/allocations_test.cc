// A request that a failover refuses is judged on the path of every request, so reading a Status
// must not allocate.
#include <gtest/gtest.h>

#include <cstdint>

#include "absl/status/status.h"
#include "failover/errors.h"
#include "failover/mysql/errors.h"
#include "failover/outcome.h"
#include "proofs/hazards/allocation_failures.h"

namespace failover::mysql {
namespace {

absl::Status ReadOnly(SendState send_state) {
  StatementState state;
  state.send_state = send_state;
  return ToStatus({1290, "HY000", "The MySQL server is running with the --read-only option"},
                  state);
}

TEST(AllocationsTest, ReadingAStatusAllocatesNothing) {
  const absl::Status refused = ReadOnly(SendState::kSent);
  const absl::Status at_connect = ReadOnly(SendState::kNotSent);
  const absl::Status of_vttablet = absl::FailedPreconditionError(
      "The MySQL server is running with the --read-only option so it cannot execute this statement "
      "(errno 1290) (sqlstate HY000)");
  bool right = false;
  bool allocated = true;
  {
    test::FailAllocations failures(test::FailAllocations::Which::kRest, 0);
    right = CausedByFailover(refused) && CausedByFailover(at_connect) &&
            CausedByFailover(of_vttablet) && RefusedAtOf(refused) == RefusedAt::kStatement &&
            RefusedAtOf(at_connect) == RefusedAt::kConnect &&
            OutcomeOf(refused) == Outcome::kNotExecuted &&
            AttemptOf(refused) == Attempt::kRefused &&
            AttemptOf(at_connect) == Attempt::kRefusedAtConnect &&
            AttemptOf(of_vttablet) == Attempt::kRefused;
    allocated = failures.any();
  }
  EXPECT_TRUE(right);
  EXPECT_FALSE(allocated);
}

}  // namespace
}  // namespace failover::mysql

// What the tests of planned switchovers share.
#ifndef FAILOVER_TESTS_UNIT_SHARD_SWITCHOVER_FIXTURE_H_
#define FAILOVER_TESTS_UNIT_SHARD_SWITCHOVER_FIXTURE_H_

#include <gtest/gtest.h>

#include <utility>

#include "failover/switchover.h"
#include "support/buffer_test.h"

namespace failover::test {

constexpr RequestContext As(Work work) {
  RequestContext context;
  context.work = work;
  return context;
}

class SwitchoverTest : public BufferTest {
 protected:
  SwitchoverTest() { Report(1, true, 1); }

  Switchover Begin(const SwitchoverOptions& options = {}) {
    absl::StatusOr<Switchover> begun = buffer().BeginSwitchover(shard(), options);
    EXPECT_TRUE(begun.ok()) << begun.status();
    return *std::move(begun);
  }
  absl::Status Refusal(ShardHandle shard, const SwitchoverOptions& options = {}) {
    return buffer().BeginSwitchover(shard, options).status();
  }

  // Counts a statement or a transaction that must pass, and returns what ends it.
  RetryDoneFunc Work1(Work work) {
    absl::StatusOr<RetryDoneFunc> token =
        buffer().WaitForFailoverEnd(As(work), shard(), absl::OkStatus());
    EXPECT_TRUE(token.ok()) << token.status();
    EXPECT_FALSE(*token);
    return *std::move(token);
  }
  RetryDoneFunc Statement() { return Work1(Work::kStatement); }
  RetryDoneFunc Transaction() { return Work1(Work::kTransaction); }

  static absl::Status Look(Switchover& switchover) {
    return switchover.WaitUntilQuiet(absl::ZeroDuration()).status();
  }
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_UNIT_SHARD_SWITCHOVER_FIXTURE_H_

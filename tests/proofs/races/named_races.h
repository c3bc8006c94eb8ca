// The fixture of the races that have a name. Each test brings the threads into the order that was,
// or could be, harmful.
#ifndef FAILOVER_TESTS_PROOFS_RACES_NAMED_RACES_H_
#define FAILOVER_TESTS_PROOFS_RACES_NAMED_RACES_H_

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>

#include "detached.h"
#include "failover/coroutine.h"
#include "support/buffer_test.h"

namespace failover::test {

// Waits for the end of the failover, and counts that.
inline Detached AwaitEnd(Buffer& buffer, ShardHandle shard, absl::Status error,
                         std::atomic<int>* ends) {
  const absl::StatusOr<RetryDoneFunc> done =
      co_await AwaitFailoverEnd(buffer, {}, shard, std::move(error));
  EXPECT_TRUE(done.ok()) << done.status();
  ++*ends;
}

class NamedRacesTest : public BufferTest {
 protected:
  // Makes a Buffer that the fixture does not know, and that the test destroys.
  static std::unique_ptr<Buffer> Make(BufferOptions options) {
    absl::StatusOr<std::unique_ptr<Buffer>> made = Buffer::Create(std::move(options));
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *std::move(made) : nullptr;
  }

  // Options with the real clock. Nobody polls such a Buffer unless a test does.
  static BufferOptions RealTimeOptions() {
    BufferOptions options = UnhurriedOptions();
    options.threading = Threading::kManual;
    return options;
  }
  // Options with the real clock and a service thread.
  static BufferOptions ServiceOptions() {
    BufferOptions options;
    options.size = 10;
    return options;
  }
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_RACES_NAMED_RACES_H_

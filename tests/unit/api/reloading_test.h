// The tests of Buffer::Reconfigure share how they change the options.
#ifndef FAILOVER_TESTS_UNIT_API_RELOADING_TEST_H_
#define FAILOVER_TESTS_UNIT_API_RELOADING_TEST_H_

#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "failover/buffer_options.h"
#include "support/buffer_test.h"

namespace failover::test {

class ReloadingTest : public BufferTest {
 protected:
  // Changes the options that are in force, and checks that this is right.
  template <typename Change>
  void Reconfigure(const Change& change) {
    BufferOptions options = buffer().options();
    change(options);
    EXPECT_EQ(buffer().Reconfigure(options), absl::OkStatus());
    PollAll();
  }
  void BufferOnly(const std::string& list) {
    Reconfigure([&list](BufferOptions& options) { options.keyspace_shards = list; });
  }
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_UNIT_API_RELOADING_TEST_H_

// A loop and a Buffer, both driven by the test.
#ifndef FAILOVER_TESTS_UNIT_ASIO_ASIO_TEST_H_
#define FAILOVER_TESTS_UNIT_ASIO_ASIO_TEST_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "both_asios.h"
#include "support/buffer_test.h"

namespace failover::test {

template <class Net>
class AsioTest : public BufferTest {
 protected:
  AsioTest() {
    BufferOptions options = ManualOptions();
    options.drain_concurrency = 10;
    Create(options);
  }

  // Starts a wait whose handler notes everything in answer_.
  void Start(LastAttempt last, const RequestContext& context = {}) {
    Net::Wait(buffer(), context, shard(), std::move(last), OnLoop(answer_));
  }

  // A handler that runs on the loop.
  auto OnLoop(Answer& answer) { return Net::Bind(executor_, NotingHandler(answer)); }

  // Runs until nothing is left to do, and returns how many handlers ran.
  std::size_t RunLoop() {
    loop_->restart();
    return loop_->run();
  }

  // The tokens in `answer_` end before the Buffer does, which checks that all slots are free.
  void TearDown() override {
    answer_.result.reset();
    BufferTest::TearDown();
  }

  Answer answer_;
  std::unique_ptr<typename Net::IoContext> loop_ = std::make_unique<typename Net::IoContext>();
  const typename Net::Executor executor_ = loop_->get_executor();
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_UNIT_ASIO_ASIO_TEST_H_

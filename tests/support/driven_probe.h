// A probe of a server that a test drives as a monitor does.
#ifndef FAILOVER_TESTS_SUPPORT_DRIVEN_PROBE_H_
#define FAILOVER_TESTS_SUPPORT_DRIVEN_PROBE_H_

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "failover/watch/server_probe.h"
#include "support/patience.h"

namespace failover::test {

// `Probe` is a watch::ServerProbe that is made from a server and a function to wake the test up.
template <typename Probe>
class DrivenProbe {
 public:
  template <typename Server>
  explicit DrivenProbe(const Server& server)
      : probe_(server, [state = state_] {
          const std::lock_guard<std::mutex> lock(state->mutex);
          state->woken_up = true;
          state->changed.notify_all();
        }) {}

  // The result of a check that has all the time it needs.
  watch::Observation Poll() {
    probe_.Begin();
    while (probe_.busy() && !testing::Test::HasFailure()) Step();
    return probe_.observation();
  }

  // Waits for what the probe waits for, and lets the probe go on.
  void Step() {
    pollfd event = probe_.event();
    if (event.fd < 0) {
      std::unique_lock<std::mutex> lock(state_->mutex);
      ASSERT_TRUE(state_->changed.wait_for(
          lock, kPatience, [this] { return std::exchange(state_->woken_up, false); }));
    } else {
      ASSERT_EQ(poll(&event, 1, std::chrono::milliseconds(kPatience).count()), 1);
    }
    probe_.Continue(event.revents);
  }

  Probe& probe() { return probe_; }

 private:
  // The probe may call from another thread when the test is over.
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool woken_up = false;
  };

  const std::shared_ptr<State> state_ = std::make_shared<State>();
  Probe probe_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_DRIVEN_PROBE_H_

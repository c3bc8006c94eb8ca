// An embedder of a Buffer in Threading::kManual. It polls only if the answer of the last Poll or a
// wake-up told it to. So a wake-up that the Buffer forgets leaves a request behind, and a test
// fails.
//
// Thread-safety: Wake is thread-safe. Run is for one thread at a time; a second thread only polls
// once.
#ifndef FAILOVER_TESTS_PROOFS_RACES_EVENT_LOOP_H_
#define FAILOVER_TESTS_PROOFS_RACES_EVENT_LOOP_H_

#include <atomic>
#include <mutex>

#include "absl/time/time.h"
#include "failover/buffer.h"

namespace failover::test {

class EventLoop {
 public:
  explicit EventLoop(Clock& clock) : clock_(clock) {}

  // To be called by BufferOptions::wakeup.
  void Wake() {
    woken_ = true;
    ++wakes_;
  }
  int wakes() const { return wakes_; }

  // Polls until there is no reason to poll any more.
  void Run(Buffer& buffer) {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) {
      buffer.Poll();
      return;
    }
    while (woken_.exchange(false) || due_ <= clock_.Now()) due_ = clock_.Now() + buffer.Poll();
  }

 private:
  Clock& clock_;
  std::atomic<bool> woken_{false};
  std::atomic<int> wakes_{0};
  std::mutex mutex_;
  absl::Time due_ = absl::InfiniteFuture();
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_RACES_EVENT_LOOP_H_

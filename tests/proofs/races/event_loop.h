// An embedder that polls a Buffer in Threading::kManual only when it was told to: by the answer of
// the last Poll, or by a wake-up. What nobody tells it of never happens.
//
// Thread-safety: Run is for one thread at a time, a second one only polls; Wake is thread-safe.
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

  // BufferOptions::wakeup.
  void Wake() {
    woken_ = true;
    ++wakes_;
  }
  int wakes() const { return wakes_; }

  // Polls until there is no reason to.
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

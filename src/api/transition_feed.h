// Knows which threads tell BufferOptions::on_transition of changes, so that a shutdown can wait for
// them.
#ifndef FAILOVER_SRC_API_TRANSITION_FEED_H_
#define FAILOVER_SRC_API_TRANSITION_FEED_H_

#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace failover::internal {

// Thread-safe. Its mutex is the last in the lock order.
class TransitionFeed {
 public:
  // The calling thread will deliver. Called under the mutex of the shard whose changes they are, so
  // that no shutdown misses a delivery that has not begun.
  void Announce() ABSL_LOCKS_EXCLUDED(mutex_);

  // A delivery by the calling thread, which was announced. Deliveries of one thread may be nested,
  // because the listener may call the Buffer.
  class Delivery {
   public:
    explicit Delivery(TransitionFeed& feed);
    ~Delivery();

    Delivery(const Delivery&) = delete;
    Delivery& operator=(const Delivery&) = delete;

   private:
    friend class TransitionFeed;
    TransitionFeed& feed_;
    const Delivery* const outer_;
  };

  // Whether the calling thread is inside a delivery.
  bool IsInside() const;

  // Returns once no delivery is announced or under way. Must not be called inside a delivery.
  void AwaitEnd() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  CondVar ended_;
  std::size_t deliveries_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_TRANSITION_FEED_H_

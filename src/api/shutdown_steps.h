// What Buffer::BeginShutdown leaves to the thread that polls.
#ifndef FAILOVER_SRC_API_SHUTDOWN_STEPS_H_
#define FAILOVER_SRC_API_SHUTDOWN_STEPS_H_

#include <atomic>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "failover/internal/instant.h"

namespace failover::internal {

// Thread-safe. Its mutex is taken with no other mutex held.
class ShutdownSteps {
 public:
  // `done` runs once the shutdown is over. Returns false, and does nothing, if the shutdown is over
  // already. May throw std::bad_alloc, and has then changed nothing.
  bool Add(const std::function<void()>& done) ABSL_LOCKS_EXCLUDED(mutex_);
  // The thread that polls goes on from now on: it finishes the shutdown as soon as no slot is
  // taken, at the latest at `grace_ends`. With kNever that is a nanosecond earlier, because then
  // nobody comes back. The first call counts.
  void Begin(Instant grace_ends) ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether the thread that polls has to go on with a shutdown. Sequentially consistent: the thread
  // that closes the shards writes the life cycle's state and then looks here, and Begin writes here
  // before its thread wakes the poller, which reads the state.
  bool pending() const { return grace_ends_.load() != kNever; }
  Instant grace_ends() const { return grace_ends_.load(); }

  // The shutdown is over. Runs the functions that were added, under no lock.
  void Finish() ABSL_LOCKS_EXCLUDED(mutex_);
  // Runs a function that was not added because the shutdown was over. It may be empty.
  void Run(const std::function<void()>& done);
  // Whether the calling thread runs one of these functions.
  bool IsInside() const;

 private:
  // kNever: nobody has called Begin, or the shutdown is over.
  std::atomic<Instant> grace_ends_{kNever};

  Mutex mutex_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::function<void()>> done_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_SHUTDOWN_STEPS_H_

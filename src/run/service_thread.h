// The thread that drives Poll by default. It sleeps until something is due.
#ifndef FAILOVER_SRC_RUN_SERVICE_THREAD_H_
#define FAILOVER_SRC_RUN_SERVICE_THREAD_H_

#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/mutex.h"

namespace failover::internal {

// Thread-safe.
class ServiceThread {
 public:
  // `poll` runs what is due, and returns for how long nothing more will be due. May throw
  // std::system_error if no thread can be started.
  explicit ServiceThread(std::function<absl::Duration()> poll);
  // Calls Join.
  ~ServiceThread();

  // Makes the thread poll at once.
  void Wake();

  // Lets the thread end after the poll that runs, and waits for its end. May be called by several
  // threads. Must not be called on the thread itself, unless it is detached.
  void Join();

  // Must be called by a `poll` that is running. The thread then ends by itself after that poll.
  void EndAfterThisPoll();

  // Must be called by a `poll` that is running. The thread then ends by itself after that poll, and
  // *this may be destroyed earlier, even inside that poll. Join does not wait for the thread any
  // more.
  void Detach();

  // Whether the calling thread is this thread.
  bool IsCurrent() const { return std::this_thread::get_id() == id_; }

 private:
  struct Shared;
  static void Run(const std::shared_ptr<Shared>& shared);

  // Shared with the thread, which may outlive *this once it is detached.
  const std::shared_ptr<Shared> shared_;
  // Held until the thread has ended, so that whoever joins second waits, too. No callback runs any
  // more when the first joins, so Detach is not called meanwhile.
  Mutex join_mutex_;
  std::thread thread_ ABSL_GUARDED_BY(join_mutex_);
  const std::thread::id id_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_RUN_SERVICE_THREAD_H_

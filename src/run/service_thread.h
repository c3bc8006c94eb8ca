// The default driver of Poll: a thread that sleeps until something is due.
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
  // `poll` runs what is due and says for how long nothing more will be.
  explicit ServiceThread(std::function<absl::Duration()> poll);
  // Joins.
  ~ServiceThread();

  // Polls at once.
  void Wake();

  // Ends the thread after the poll that runs, and waits for it. Not on the thread itself.
  void Join();

  // To be called by a `poll` that is running. The thread ends by itself after that poll, and *this
  // may be destroyed before, even in that poll. Join does not wait for the thread any more.
  void Detach();

  // Whether the calling thread is this one.
  bool IsCurrent() const { return std::this_thread::get_id() == id_; }

 private:
  struct Shared;
  static void Run(const std::shared_ptr<Shared>& shared);

  // Shared with the thread, which may outlive *this once it is detached.
  const std::shared_ptr<Shared> shared_;
  std::thread thread_;
  const std::thread::id id_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_RUN_SERVICE_THREAD_H_

// A Poller is the event loop of a Buffer in Threading::kManual: a thread that polls when it is
// woken or when Poll said that something is due.
#ifndef FAILOVER_TESTS_PROOFS_STRESS_POLLER_H_
#define FAILOVER_TESTS_PROOFS_STRESS_POLLER_H_

#include <condition_variable>
#include <mutex>
#include <thread>

#include "failover/buffer.h"

namespace failover::test {

// The class is thread-safe.
class Poller {
 public:
  // BufferOptions::wakeup calls this function. It may be called before Start and after Stop.
  void Wake();
  // Starts the thread. `speed` is the speed of the Buffer's clock.
  void Start(Buffer& buffer, int speed);
  // Ends the thread. Once this function has returned, the thread polls no more.
  void Stop();

 private:
  void Run(Buffer& buffer, int speed);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_STRESS_POLLER_H_

// The event loop of a Buffer in Threading::kManual: a thread that polls when it is told to.
#ifndef FAILOVER_TESTS_PROOFS_STRESS_POLLER_H_
#define FAILOVER_TESTS_PROOFS_STRESS_POLLER_H_

#include <condition_variable>
#include <mutex>
#include <thread>

#include "failover/buffer.h"

namespace failover::test {

// Thread-safe.
class Poller {
 public:
  // BufferOptions::wakeup. May be called before Start, and after Stop.
  void Wake();
  // `speed`: that of the Buffer's clock.
  void Start(Buffer& buffer, int speed);
  // Returns once the thread has ended; it polls no more.
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

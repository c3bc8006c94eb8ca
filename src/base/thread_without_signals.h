// Starts a thread that takes no signals.
#ifndef FAILOVER_SRC_BASE_THREAD_WITHOUT_SIGNALS_H_
#define FAILOVER_SRC_BASE_THREAD_WITHOUT_SIGNALS_H_

#include <signal.h>

#include <functional>
#include <thread>
#include <utility>

namespace failover::internal {

// A host that reads its signals from a descriptor, or whose handlers expect the host's own threads,
// may block signals only after the thread exists. Throws what the constructor of std::thread
// throws.
inline std::thread StartWithoutSignals(std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread thread(std::move(run));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
}

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_THREAD_WITHOUT_SIGNALS_H_

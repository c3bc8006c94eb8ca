#include "c/process.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

namespace failover::c {
namespace {

std::atomic<pid_t> this_process{0};

// Relaxed is enough: the child of a fork begins with one thread, and a thread that it starts sees
// what came before.
void NoteProcess() { this_process.store(getpid(), std::memory_order_relaxed); }

bool Watch() {
  NoteProcess();
  return pthread_atfork(nullptr, nullptr, NoteProcess) == 0;
}

}  // namespace

pid_t ThisProcess() noexcept {
  static const bool watched = Watch();
  return watched ? this_process.load(std::memory_order_relaxed) : getpid();
}

}  // namespace failover::c

// Makes a poll(2) return from another thread.
#ifndef FAILOVER_SRC_WATCH_WAKE_UP_H_
#define FAILOVER_SRC_WATCH_WAKE_UP_H_

#include <memory>

namespace failover::watch::internal {

// Owns a file descriptor of the system. Thread-safe.
class WakeUp {
 public:
  // Returns nullptr if the system gives no file descriptor; errno says why.
  static std::shared_ptr<WakeUp> Create();
  ~WakeUp();

  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  // The file descriptor is readable from a call of Signal on, until Clear.
  int fd() const { return fd_; }
  void Signal();
  void Clear();

 private:
  explicit WakeUp(int fd) : fd_(fd) {}

  const int fd_;
};

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_WAKE_UP_H_

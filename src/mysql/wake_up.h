// Ends a poll(2) from another thread.
#ifndef FAILOVER_SRC_MYSQL_WAKE_UP_H_
#define FAILOVER_SRC_MYSQL_WAKE_UP_H_

#include <memory>

namespace failover::mysql::internal {

// Thread-safe.
class WakeUp {
 public:
  // nullptr: the system gives no file descriptor; errno says why.
  static std::shared_ptr<WakeUp> Create();
  ~WakeUp();

  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  // Readable from a Signal on, until Clear.
  int fd() const { return fd_; }
  void Signal();
  void Clear();

 private:
  explicit WakeUp(int fd) : fd_(fd) {}

  const int fd_;
};

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_WAKE_UP_H_

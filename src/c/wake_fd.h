// A descriptor that makes an event loop poll.
#ifndef FAILOVER_SRC_C_WAKE_FD_H_
#define FAILOVER_SRC_C_WAKE_FD_H_

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace failover::c {

// Thread-safe.
class WakeFd {
 public:
  WakeFd() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~WakeFd() { close(fd_); }
  WakeFd(const WakeFd&) = delete;
  WakeFd& operator=(const WakeFd&) = delete;

  int fd() const { return fd_; }
  // The write fails only if the counter is full. The descriptor is readable then anyway.
  void Signal() const { static_cast<void>(eventfd_write(fd_, 1)); }
  void Clear() const {
    eventfd_t count = 0;
    static_cast<void>(eventfd_read(fd_, &count));
  }

 private:
  const int fd_;
};

}  // namespace failover::c

#endif  // FAILOVER_SRC_C_WAKE_FD_H_

#include "watch/wake_up.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace failover::watch::internal {

std::shared_ptr<WakeUp> WakeUp::Create() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return nullptr;
  return std::shared_ptr<WakeUp>(new WakeUp(fd));
}

WakeUp::~WakeUp() { close(fd_); }

void WakeUp::Signal() {
  // The write fails only if the counter is full. The descriptor is readable then anyway.
  static_cast<void>(eventfd_write(fd_, 1));
}

void WakeUp::Clear() {
  eventfd_t count = 0;
  static_cast<void>(eventfd_read(fd_, &count));
}

}  // namespace failover::watch::internal

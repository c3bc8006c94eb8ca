// The inbox of the C interface.
#ifndef FAILOVER_SRC_C_INBOX_H_
#define FAILOVER_SRC_C_INBOX_H_

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "c/process.h"
#include "c/wake_fd.h"
#include "failover/c/failover.h"
#include "failover/inbox.h"

struct fo_inbox : failover::c::OfOneProcess {
  fo_inbox(std::unique_ptr<failover::c::WakeFd> its_fd, std::function<void()> wakeup)
      : fd(std::move(its_fd)), inbox(std::move(wakeup)) {}

  // nullptr if the program has a function of its own.
  const std::unique_ptr<failover::c::WakeFd> fd;
  // The thread of the first poll. Another thread may not clear the descriptor.
  std::atomic<std::thread::id> home{};
  failover::Inbox inbox;
};

#endif  // FAILOVER_SRC_C_INBOX_H_

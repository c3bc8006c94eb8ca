#include "c/inbox.h"

#include "c/error.h"

namespace c = failover::c;

fo_inbox* fo_inbox_create(void (*wakeup)(void* arg), void* arg) {
  fo_inbox* made = nullptr;
  static_cast<void>(c::Guarded([&] {
    std::unique_ptr<c::WakeFd> fd;
    std::function<void()> function;
    if (wakeup != nullptr) {
      function = [wakeup, arg] { wakeup(arg); };
    } else {
      fd = std::make_unique<c::WakeFd>();
      function = [fd = fd.get()] { fd->Signal(); };
    }
    made = new fo_inbox(std::move(fd), std::move(function));
    return FO_OK;
  }));
  return made;
}

int fo_inbox_fd(fo_inbox* inbox) {
  if (c::Check(inbox, "inbox") != FO_OK || inbox->fd == nullptr) return -1;
  return inbox->fd->fd();
}

int fo_inbox_poll(fo_inbox* inbox, int max) {
  if (const fo_result result = c::Check(inbox, "inbox"); result != FO_OK) return result;
  // Sequentially consistent. Only the first thread ever changes the value.
  std::thread::id home;
  const std::thread::id here = std::this_thread::get_id();
  if (!inbox->home.compare_exchange_strong(home, here) && home != here) {
    return c::Fail(FO_WRONG_STATE, "the inbox belongs to another thread");
  }
  if (inbox->fd != nullptr) inbox->fd->Clear();
  return inbox->inbox.Poll(max) ? 1 : 0;
}

void fo_inbox_destroy(fo_inbox* inbox) {
  if (c::MayEnd(inbox)) delete inbox;
}

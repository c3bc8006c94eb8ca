#include "proxy/core/input_wait.h"

#include <cstdint>
#include <system_error>

namespace proxy {

// `change` never expires: it is cancelled when `woken` becomes true, and so wakes the coroutine.
struct InputWait::Shared {
  explicit Shared(const Executor& executor) : change(executor) {}

  Timer change;
  bool woken = false;
  // The number of the wait that is under way. What an earlier wait has left behind is ignored.
  std::uint64_t wait = 0;
};

InputWait::InputWait(const Executor& executor) : shared_(std::make_shared<Shared>(executor)) {}

Task<> InputWait::Wait(Socket* first, Socket* second) {
  ++shared_->wait;
  if (first != nullptr) Watch(*first, Socket::wait_read, shared_);
  if (second != nullptr) Watch(*second, Socket::wait_read, shared_);
  co_await AwaitChange();
  std::error_code ignored;
  if (first != nullptr) first->cancel(ignored);
  if (second != nullptr) second->cancel(ignored);
}

Task<> InputWait::WaitForEither(Socket& socket) {
  ++shared_->wait;
  Watch(socket, Socket::wait_read, shared_);
  Watch(socket, Socket::wait_write, shared_);
  co_await AwaitChange();
  std::error_code ignored;
  socket.cancel(ignored);
}

Task<> InputWait::AwaitChange() {
  std::error_code ignored;
  while (!shared_->woken) {
    shared_->change.expires_at(Timer::time_point::max());
    co_await shared_->change.async_wait(ErrorTo(ignored));
  }
  shared_->woken = false;
  ++shared_->wait;
}

void InputWait::Wake() {
  shared_->woken = true;
  shared_->change.cancel();
}

void InputWait::Watch(Socket& socket, Socket::wait_type event,
                      const std::shared_ptr<Shared>& shared) {
  socket.async_wait(event, [shared, wait = shared->wait](std::error_code) {
    if (shared->wait != wait) return;
    shared->woken = true;
    shared->change.cancel();
  });
}

}  // namespace proxy

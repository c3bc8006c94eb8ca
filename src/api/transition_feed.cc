#include "api/transition_feed.h"

#include <cassert>

namespace failover::internal {
namespace {

// The innermost delivery of this thread.
thread_local const TransitionFeed::Delivery* innermost = nullptr;

}  // namespace

TransitionFeed::Delivery::Delivery(TransitionFeed& feed) : feed_(feed), outer_(innermost) {
  innermost = this;
}

TransitionFeed::Delivery::~Delivery() {
  innermost = outer_;
  const MutexLock lock(feed_.mutex_);
  if (--feed_.deliveries_ == 0) feed_.ended_.NotifyAll();
}

void TransitionFeed::Announce() {
  const MutexLock lock(mutex_);
  ++deliveries_;
}

bool TransitionFeed::IsInside() const {
  for (const Delivery* delivery = innermost; delivery != nullptr; delivery = delivery->outer_) {
    if (&delivery->feed_ == this) return true;
  }
  return false;
}

void TransitionFeed::AwaitEnd() {
  assert(!IsInside());
  const MutexLock lock(mutex_);
  while (deliveries_ > 0) ended_.Wait(mutex_);
}

}  // namespace failover::internal

// The blocking wait for programs whose threads run fibers: the fiber parks on a baton of its own
// runtime, and its thread goes on with other fibers.
//
//   absl::StatusOr<failover::RetryDoneFunc> done =
//       failover::WaitForFailoverEndOn<FiberBaton>(*buffer, {}, shard, error);
//
// A Baton is a class without constructor arguments and with two functions:
//
//   class FiberBaton {
//    public:
//     void Post();   // called once at most, on any thread
//     void Wait();   // parks the calling fiber until Post was called, maybe before
//   };
//
// The batons of the fiber runtimes fit with a line for each function: post() and wait() of
// folly::fibers::Baton, Send() and WaitNonCancellable() of userver::engine::SingleUseEvent,
// Notify() and Wait() of helio's util::fb2::Done. examples/boost_fiber.cc has one for Boost.Fiber.
#ifndef FAILOVER_BLOCK_ON_H_
#define FAILOVER_BLOCK_ON_H_

#include <cassert>

#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "failover/internal/buffer_access.h"
#include "failover/last_attempt.h"
#include "failover/request_context.h"

namespace failover {

// As Buffer::WaitForFailoverEnd, but parks the calling fiber. `shard` must be a handle of `buffer`.
// A request that is held and released costs no allocation.
//
// What the Baton must see to:
//  - Post may be called on any thread that calls the Buffer: the thread whose report, cancel or
//    retry releases the request, or the thread that polls. It is called under no lock.
//  - The fiber may destroy the baton as soon as Wait can return. So Post must not touch the baton
//    after that moment.
//  - Post and Wait must not throw (std::terminate).
//
// The fiber may run on another thread after Wait than before. The Buffer may be shut down and
// destroyed while the fiber waits: the fiber is posted then, with the right to retry. Nobody waits
// for the fiber, so a thread may destroy the Buffer and then run its fibers. Windows and timeouts
// end where timers run: on the service thread, or in Poll in Threading::kManual.
//
// As the blocking wait, the call returns kFailedPrecondition where it would park a fiber on the
// thread that polls at this moment, for instance inside a callback of the same Buffer.
template <class Baton>
absl::StatusOr<RetryDoneFunc> WaitForFailoverEndOn(Buffer& buffer, const RequestContext& context,
                                                   ShardHandle shard, LastAttempt last) {
  using internal::BufferAccess;
  assert(BufferAccess::Owns(buffer, shard));
  if (BufferAccess::Passes(shard, context.work, last)) return RetryDoneFunc();
  Baton baton;
  return BufferAccess::WaitOn(
      buffer, context, shard, last.view(), [&baton]() noexcept { baton.Post(); },
      [&baton]() noexcept { baton.Wait(); });
}

}  // namespace failover

#endif  // FAILOVER_BLOCK_ON_H_

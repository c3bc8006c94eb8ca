// A planned switchover: the requests of one shard are held while its primary is replaced on
// purpose, and the change begins only when nothing is in flight. So no transaction is lost, and no
// statement is left whose fate is unknown, even if the old primary is killed at that moment.
//
//   absl::StatusOr<failover::Switchover> switchover = buffer->BeginSwitchover(shard, {});
//   if (!switchover.ok()) return switchover.status();
//   absl::StatusOr<failover::WorkInFlight> quiet = switchover->WaitUntilQuiet(absl::Seconds(5));
//   if (!quiet.ok()) return quiet.status();     // the destructor calls the switchover off
//   if (absl::Status done = Promote(new_primary); !done.ok()) return done;
//   return switchover->Commit();
//
// What is to be waited for says so (RequestContext::work). docs/guide/planned_switchover.md is the
// guide. failover/coroutine_switchover.h has the wait for coroutines.
#ifndef FAILOVER_SWITCHOVER_H_
#define FAILOVER_SWITCHOVER_H_

#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/export.h"
#include "failover/switchover_options.h"
#include "failover/work.h"

namespace failover {

namespace internal {

class ShardBuffer;
class SwitchoverRun;

}  // namespace internal

// Is told how the wait for quiet ended. The callback runs where a WaitCallback runs, and like that
// it must be quick and must not throw (std::terminate).
using QuietCallback = absl::AnyInvocable<void(absl::StatusOr<WorkInFlight>) &&>;

// One planned switchover of one shard. Buffer::BeginSwitchover makes it.
//
// First new transactions are held, while single statements pass and the transactions that run go
// on. When no transaction is left, or at the end of transaction_grace, everything is held. When
// nothing that is counted is in flight any more, the switchover is quiet. Commit, Abort or another
// end releases what is held. While everything is held, no window ends in a release. No probe is let
// go. A report that the old primary is down or serves again ends nothing.
//
// Move-only. Thread-safety: the functions may be called on any thread and at the same time; moves
// and the destructor may not. Lifetime: may outlive its Buffer, which ends the switchover. The
// object stands for its own switchover only: after the end it does nothing to a later one.
class [[nodiscard]] FAILOVER_EXPORT Switchover {
 public:
  Switchover(Switchover&& other) noexcept
      : shard_(std::exchange(other.shard_, nullptr)), run_(std::move(other.run_)) {}
  // First calls Abort for the switchover that *this stands for.
  Switchover& operator=(Switchover&& other) noexcept;
  // Calls Abort.
  ~Switchover();

  // Where the switchover stands. A moved-from object has the stage kEnded without an end.
  SwitchoverProgress progress() const;

  // Blocks until the switchover is quiet, and returns what is in flight then: nothing, unless
  // OnOverdue::kProceed gave up transactions. In that case the wait is over when no statement is
  // left, and the transactions that are returned will fail. The errors are:
  //  - kDeadlineExceeded: the timeout is over; the text says what is in flight. The switchover goes
  //    on. A timeout of zero or less only looks.
  //  - kAborted: the switchover ended before it was quiet; the text says how.
  //  - kFailedPrecondition: the call is inside a callback of the Buffer, or in other code that runs
  //    while the Buffer polls, and would have blocked; or *this was moved from.
  // In Threading::kManual with another clock than the steady one, another thread must call Poll, or
  // the timeout may never be over.
  absl::StatusOr<WorkInFlight> WaitUntilQuiet(absl::Duration timeout);

  // Does the same without blocking. OK means that the callback runs exactly once, never inside this
  // call, also if the switchover ends or *this is destroyed. Otherwise the callback was destroyed
  // unused: kAborted (the switchover has ended already), kFailedPrecondition (*this was moved
  // from), kInvalidArgument (the callback is empty), or kResourceExhausted (no memory).
  absl::Status WaitUntilQuiet(absl::Duration timeout, QuietCallback callback);

  // The primary has been replaced. If another primary is believed, the held requests are released
  // to it. If not, the old primary counts as down, and the hold goes on until another primary is
  // reported, as in a failover: it ends with max_failover_duration, and windows count. A report
  // that the old primary serves does not end it, unless its timestamp is above all of before. Both
  // are OK, also if another primary ended the switchover before, or if Commit was called before.
  // kAborted means that the switchover was called off before, so that requests may have gone to the
  // old primary; the text says why. kFailedPrecondition: *this was moved from. Commit does not
  // check whether the switchover is quiet.
  absl::Status Commit();

  // Calls the switchover off, and releases what is held to the old primary. If that was reported
  // down, the requests stay held, as in a failover. Returns false if the switchover had ended.
  bool Abort();

 private:
  friend class internal::BufferCore;
  friend class internal::BufferAccess;

  Switchover(internal::ShardBuffer* shard, std::shared_ptr<internal::SwitchoverRun> run)
      : shard_(shard), run_(std::move(run)) {}

  // nullptr after a move. Otherwise *this shares the ownership of the Buffer's inside.
  internal::ShardBuffer* shard_;
  std::shared_ptr<internal::SwitchoverRun> run_;
};

}  // namespace failover

#endif  // FAILOVER_SWITCHOVER_H_

// The functions of BufferCore and of Switchover for planned switchovers.
#include <cassert>
#include <chrono>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "api/buffer_core.h"
#include "api/lifecycle.h"
#include "api/shard_change.h"
#include "api/waiters.h"
#include "base/sync_point.h"
#include "failover/internal/buffer_access.h"
#include "failover/internal/quiet_waiter.h"
#include "failover/switchover.h"
#include "shard/downcasts.h"
#include "shard/switchover_run.h"

namespace failover {
namespace internal {
namespace {

absl::string_view Piece(std::string_view text) { return {text.data(), text.size()}; }

absl::Status MovedFrom() {
  return absl::FailedPreconditionError("the Switchover was moved from, so it stands for nothing");
}

absl::Status EndedError(SwitchoverEnd end) {
  return absl::AbortedError(absl::StrCat("the switchover has ended: ", Piece(ToString(end))));
}

absl::Status MustBe(absl::string_view rule, absl::string_view value) {
  return absl::InvalidArgumentError(absl::StrCat(rule, " (specified value: ", value, ")"));
}

absl::Status Validate(const SwitchoverOptions& options, absl::Duration window) {
  if (!(options.transaction_grace >= absl::ZeroDuration())) {
    return MustBe("transaction_grace must be >= 0",
                  absl::FormatDuration(options.transaction_grace));
  }
  const absl::Duration hold_timeout = options.hold_timeout.value_or(window);
  if (!(hold_timeout > absl::ZeroDuration()) || hold_timeout > window) {
    return MustBe(
        absl::StrCat("hold_timeout must be > 0 and <= window (", absl::FormatDuration(window), ")"),
        absl::FormatDuration(hold_timeout));
  }
  if (options.on_overdue != OnOverdue::kAbort && options.on_overdue != OnOverdue::kProceed) {
    return MustBe("on_overdue must be kAbort or kProceed",
                  absl::StrCat(static_cast<int>(options.on_overdue)));
  }
  if (options.release != SwitchoverRelease::kOnNewPrimary &&
      options.release != SwitchoverRelease::kOnCommit) {
    return MustBe("release must be kOnNewPrimary or kOnCommit",
                  absl::StrCat(static_cast<int>(options.release)));
  }
  return absl::OkStatus();
}

// Lives on the stack of the thread that it blocks.
class QuietThreadWaiter final : public QuietWaiter {
 public:
  explicit QuietThreadWaiter(ShardBuffer& shard) : QuietWaiter(&shard, /*blocks=*/true) {}

  Parking& parking() { return parking_; }
  void Complete() override { parking_.Unpark(); }

 private:
  Parking parking_;
};

// Lives on the heap, and deletes itself. It keeps the owner of the shard alive.
class QuietCallbackWaiter final : public QuietWaiter {
 public:
  QuietCallbackWaiter(ShardBuffer& shard, QuietCallback&& callback)
      : QuietWaiter(&shard, /*blocks=*/false), callback_(std::move(callback)) {
    shard.owner().Ref();
  }

  void Complete() noexcept override {
    std::move(callback_)(BufferAccess::QuietResultOf(*this));
    Delete();
  }
  void Delete() {
    RefCounted& owner = ShardOf(*this).owner();
    delete this;
    owner.Unref();
  }

 private:
  ~QuietCallbackWaiter() = default;

  QuietCallback callback_;
};

}  // namespace

absl::StatusOr<Switchover> BufferCore::BeginSwitchover(ShardBuffer& shard,
                                                       const SwitchoverOptions& options) {
  const absl::Duration window = Current().window;
  if (absl::Status valid = Validate(options, window); !valid.ok()) return valid;
  SwitchoverTerms terms;
  terms.transaction_grace = ToNanoseconds(options.transaction_grace);
  terms.hold_timeout = ToNanoseconds(options.hold_timeout.value_or(window));
  terms.on_overdue = options.on_overdue;
  terms.release = options.release;
  // A listener may give up the Buffer before Ref is called.
  const Lifecycle::Caller caller(lifecycle_);
  const Instant now = time_.Now();
  ShardBuffer::Begun begun;
  {
    ShardChange change(*this, shard, {"switchover:before-lock", "switchover:after-lock"});
    begun = shard.OnBeginSwitchover(now, terms, change.effects());
  }
  switch (begun.refusal) {
    case ShardBuffer::BeginRefusal::kNone:
      break;
    case ShardBuffer::BeginRefusal::kShutDown:
      return absl::FailedPreconditionError("the Buffer is shut down");
    case ShardBuffer::BeginRefusal::kDoesNotBuffer:
      return absl::FailedPreconditionError(
          "the shard does not buffer (enabled, dry_run, keyspace_shards), so nothing can be held");
    case ShardBuffer::BeginRefusal::kNotIdle:
      return absl::FailedPreconditionError(
          "the shard is not idle: it fails over, drains, or has a switchover already");
    case ShardBuffer::BeginRefusal::kNoMemory:
      return absl::ResourceExhaustedError("out of memory, the switchover does not begin");
  }
  Ref();
  return Switchover(&shard, std::move(begun.run));
}

void BufferCore::LookForQuiet(ShardBuffer& shard) {
  ShardChange change(*this, shard, {"work-end:before-lock", "work-end:after-lock"});
  shard.LookForQuiet(change.effects());
}

SwitchoverProgress BufferCore::ProgressOf(ShardBuffer& shard, const SwitchoverRun& run) {
  const MutexLock lock(shard.mutex());
  return {run.stage(), shard.InFlight(), run.quiet(), run.end()};
}

absl::Status BufferCore::CommitSwitchover(ShardBuffer& shard, SwitchoverRun& run) {
  const Instant now = TimeOfLateCall().value_or(kLongAgo);
  std::optional<SwitchoverEnd> ended;
  {
    ShardChange change(*this, shard, {"commit:before-lock", "commit:after-lock"});
    ended = shard.OnCommit(now, run, change.effects());
  }
  if (!ended.has_value() || *ended == SwitchoverEnd::kCommitted ||
      *ended == SwitchoverEnd::kNewPrimary) {
    return absl::OkStatus();
  }
  return EndedError(*ended);
}

bool BufferCore::AbortSwitchover(ShardBuffer& shard, SwitchoverRun& run) {
  const Instant now = TimeOfLateCall().value_or(kLongAgo);
  ShardChange change(*this, shard, {"abort:before-lock", "abort:after-lock"});
  return shard.OnAbort(now, run, SwitchoverEnd::kAborted, change.effects());
}

bool BufferCore::AwaitQuiet(SwitchoverRun& run, absl::Duration timeout, QuietWaiter* waiter) {
  ShardBuffer& shard = ShardOf(*waiter);
  const Instant now = TimeOfLateCall().value_or(kLongAgo);
  const bool blocks_poller = waiter->blocks_thread && dispatcher_.PollsHere();
  ShardChange change(*this, shard, {"quiet-wait:before-lock", "quiet-wait:after-lock"});
  return shard.OnQuietWait(now, run, ToNanoseconds(timeout), blocks_poller, waiter);
}

absl::StatusOr<WorkInFlight> BufferCore::WaitUntilQuiet(ShardBuffer& shard, SwitchoverRun& run,
                                                        absl::Duration timeout) {
  const Lifecycle::Caller caller(lifecycle_);
  QuietThreadWaiter waiter(shard);
  if (AwaitQuiet(run, timeout, &waiter)) {
    FAILOVER_SYNC_POINT("quiet-wait:before-block");
    Block(shard, waiter, waiter.parking());
  }
  return BufferAccess::QuietResultOf(waiter);
}

absl::Status BufferCore::WaitUntilQuietAsync(ShardBuffer& shard, SwitchoverRun& run,
                                             absl::Duration timeout, QuietCallback&& callback) {
  if (!callback) return absl::InvalidArgumentError("the callback of a wait for quiet is empty");
  auto* const waiter = new (std::nothrow) QuietCallbackWaiter(shard, std::move(callback));
  if (waiter == nullptr) return absl::ResourceExhaustedError("out of memory, nobody waits");
  const Instant now = TimeOfLateCall().value_or(kLongAgo);
  const std::chrono::nanoseconds wait = ToNanoseconds(timeout);
  std::optional<SwitchoverEnd> ended;
  {
    ShardChange change(*this, shard, {"quiet-wait:before-lock", "quiet-wait:after-lock"});
    if (!shard.OnQuietWait(now, run, wait, /*blocks_poller=*/false, waiter)) {
      ended = run.end();
      // The callback never runs inside this call.
      if (!ended.has_value()) {
        waiter->set_place(Place::kReady);
        change.effects()->ready.PushBack(waiter);
      }
    }
  }
  if (!ended.has_value()) return absl::OkStatus();
  waiter->Delete();
  return EndedError(*ended);
}

void BufferCore::CancelQuiet(QuietWaiter& waiter) {
  ShardBuffer& shard = ShardOf(waiter);
  ShardChange change(*this, shard, {"quiet-cancel:before-lock", "quiet-cancel:after-lock"});
  if (waiter.place() == Place::kHeld) {
    shard.OnCancelQuietWait(&waiter);
  } else {
    dispatcher_.TakeBack(&waiter);
  }
}

absl::StatusOr<WorkInFlight> BufferAccess::QuietResultOf(const QuietWaiter& waiter) {
  if (waiter.gate == nullptr) return MovedFrom();
  const QuietEnd& end = waiter.quiet_end;
  switch (end.kind) {
    case QuietEnd::Kind::kQuiet:
      return end.left;
    case QuietEnd::Kind::kTimedOut:
      return absl::DeadlineExceededError(
          absl::StrCat("the switchover is not quiet: ", end.left.statements, " statements and ",
                       end.left.transactions, " transactions are in flight"));
    case QuietEnd::Kind::kEnded:
      return EndedError(end.ended);
    case QuietEnd::Kind::kBlocksPoller:
      return absl::FailedPreconditionError(
          "a blocking wait for quiet inside a callback of the same Buffer would stop all callbacks "
          "and timers of the Buffer; wait asynchronously, or on another thread");
  }
  return absl::InternalError("");
}

ShardGate* BufferAccess::GateOf(const Switchover& switchover) { return switchover.shard_; }

bool BufferAccess::AwaitQuiet(Switchover& switchover, absl::Duration timeout, QuietWaiter* waiter) {
  return BufferCore::Of(*switchover.shard_).AwaitQuiet(*switchover.run_, timeout, waiter);
}

void BufferAccess::CancelQuiet(QuietWaiter& waiter) {
  BufferCore::Of(ShardOf(waiter)).CancelQuiet(waiter);
}

}  // namespace internal

using internal::BufferCore;

absl::StatusOr<Switchover> Buffer::BeginSwitchover(ShardHandle shard,
                                                   const SwitchoverOptions& options) {
  assert(Owns(shard));
  if (!shard) {
    return absl::InvalidArgumentError("the ShardHandle is inert, so there is nothing to hold");
  }
  return core_->BeginSwitchover(internal::ShardOf(*shard.gate_), options);
}

Switchover& Switchover::operator=(Switchover&& other) noexcept {
  if (this == &other) return *this;
  const Switchover old(std::exchange(shard_, std::exchange(other.shard_, nullptr)),
                       std::exchange(run_, std::move(other.run_)));
  return *this;
}

Switchover::~Switchover() {
  if (shard_ == nullptr) return;
  BufferCore& core = BufferCore::Of(*shard_);
  core.AbortSwitchover(*shard_, *run_);
  core.Unref();
}

SwitchoverProgress Switchover::progress() const {
  if (shard_ == nullptr) return {};
  return BufferCore::ProgressOf(*shard_, *run_);
}

absl::StatusOr<WorkInFlight> Switchover::WaitUntilQuiet(absl::Duration timeout) {
  if (shard_ == nullptr) return internal::MovedFrom();
  return BufferCore::Of(*shard_).WaitUntilQuiet(*shard_, *run_, timeout);
}

absl::Status Switchover::WaitUntilQuiet(absl::Duration timeout, QuietCallback callback) {
  if (shard_ == nullptr) return internal::MovedFrom();
  return BufferCore::Of(*shard_).WaitUntilQuietAsync(*shard_, *run_, timeout, std::move(callback));
}

absl::Status Switchover::Commit() {
  if (shard_ == nullptr) return internal::MovedFrom();
  return BufferCore::Of(*shard_).CommitSwitchover(*shard_, *run_);
}

bool Switchover::Abort() {
  return shard_ != nullptr && BufferCore::Of(*shard_).AbortSwitchover(*shard_, *run_);
}

}  // namespace failover

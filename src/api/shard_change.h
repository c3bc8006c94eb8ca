// How BufferCore changes a shard, but for the retirement of shards at the end.
#ifndef FAILOVER_SRC_API_SHARD_CHANGE_H_
#define FAILOVER_SRC_API_SHARD_CHANGE_H_

#include <cassert>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "api/buffer_core.h"
#include "api/lifecycle.h"
#include "base/sync_point.h"
#include "run/inbox_core.h"
#include "shard/effects.h"
#include "shard/shard_buffer.h"

namespace failover::internal {

// A change of a shard has four steps, and the block in which a ShardChange lives can forget none:
// the constructor locks the shard's mutex, the block decides, and the destructor hands the effects
// to the dispatcher and the inboxes, unlocks, and then wakes and logs under no lock.
//
//   {
//     ShardChange change(*this, shard, {"report:before-lock", "report:after-lock"});
//     shard.OnReport(now, stats, change.effects());
//   }
//
// The caller reads the clock before the block, because the clock may be the embedder's code.
class ABSL_SCOPED_LOCKABLE ShardChange {
 public:
  // Where a test can stop the thread (base/sync_point.h).
  struct Points {
    const char* before_lock;
    const char* after_lock;
  };

  // `make_cause` says why a failover was started, as in LogEffects. It must live as long as *this.
  ShardChange(BufferCore& core, ShardBuffer& shard, Points points,
              absl::FunctionRef<std::string()> make_cause = NoCause)
      ABSL_EXCLUSIVE_LOCK_FUNCTION(shard.mutex())
      : core_(core), shard_(shard), points_(points), make_cause_(make_cause) {
    FAILOVER_SYNC_POINT(points_.before_lock);
    shard_.mutex().Lock();
  }

  ~ShardChange() ABSL_UNLOCK_FUNCTION() {
    InboxCore::Deliver(&effects_.homeward, &effects_.bells);
    core_.dispatcher_.Collect(shard_, &effects_);
    shard_.AssertInvariants();
    // Invariant 8 of docs/design.md.
    assert(shard_.due <= shard_.NextDue());
    if (effects_.empty() && !frees_slot_) {
      shard_.mutex().Unlock();
      FAILOVER_SYNC_POINT(points_.after_lock);
      return;
    }
    // As soon as the mutex is released, the waiters that were released may be gone. Then another
    // thread may destroy the Buffer, so its destructor has to wait for this caller.
    const Lifecycle::Caller caller(core_.lifecycle_);
    std::optional<ShardTerms> terms;
    if (effects_.has_log()) terms = shard_.terms();
    if (effects_.transitions) core_.transition_feed_.Announce();
    shard_.mutex().Unlock();
    FAILOVER_SYNC_POINT(points_.after_lock);
    core_.Finish(shard_, &effects_, terms, make_cause_);
    if (frees_slot_) core_.NoticeFreeSlot();
  }

  ShardChange(const ShardChange&) = delete;
  ShardChange& operator=(const ShardChange&) = delete;

  // What the decision leaves to be done.
  Effects* effects() { return &effects_; }

  // To be called by a change that gives a slot back. If the shard is closed, a shutdown may wait
  // for the slot.
  void FreesSlot(bool shard_is_closed) { frees_slot_ = shard_is_closed; }

 private:
  static std::string NoCause() { return {}; }

  BufferCore& core_;
  ShardBuffer& shard_;
  [[maybe_unused]] const Points points_;
  const absl::FunctionRef<std::string()> make_cause_;
  bool frees_slot_ = false;
  Effects effects_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_SHARD_CHANGE_H_

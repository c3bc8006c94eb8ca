// Counts the retries that a drain has let go and that have not ended.
#ifndef FAILOVER_SRC_SHARD_DRAIN_TURNS_H_
#define FAILOVER_SRC_SHARD_DRAIN_TURNS_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "failover/internal/instant.h"
#include "shard/shared_limits.h"

namespace failover::internal {

// A retry that was let go takes a turn: it counts against the concurrency of the drain. The retry
// gives the turn back when it ends, when it is overdue, and earlier if it may: then it still counts
// as unended. The concurrency adapts to how the retries of requests that may come back end.
//
// With a failover::Budget each turn is one of the shared turns, too, as long as it is taken. A
// drain without a turn always gets one, so no drain waits for another Buffer. For a further one the
// drain asks at each event of its shard, and every kPause.
//
// Plain data: the mutex of the shard guards the object. The object allocates in Reserve only.
class DrainTurns {
 public:
  // How long a drain waits before it asks for a shared turn again, if nothing happens.
  static constexpr std::chrono::milliseconds kPause{10};

  // `shared` is nullptr without a budget. It must outlive *this.
  explicit DrainTurns(SharedTurns* shared) : shared_(shared) {}
  DrainTurns(const DrainTurns&) = delete;
  DrainTurns& operator=(const DrainTurns&) = delete;

  // The entry of a retry that never gives its turn back early: one of a shard that is closing.
  static constexpr std::uint32_t kNoEntry = UINT32_MAX;

  // Makes room for `count` unended retries, at most `most`. May throw std::bad_alloc, and has then
  // changed nothing.
  void Reserve(std::size_t count, std::int64_t most) {
    count = std::min(count, static_cast<std::size_t>(most));
    if (count <= entries_.capacity()) return;
    entries_.reserve(
        std::min(std::max(count, entries_.capacity() * 2), static_cast<std::size_t>(most)));
    MeasureRoom();
  }

  // As Reserve. False means that there is no memory: then fewer retries are let go at once.
  bool TryReserve(std::size_t count, std::int64_t most) noexcept;

  // Begins a drain. Retries of an earlier drain count no more. `most` limits the unended retries,
  // and the concurrency.
  void Begin(std::int64_t concurrency, std::int64_t most);

  // The options changed, maybe in the middle of a drain. What the drain has learned stays, unless
  // `concurrency` itself is another.
  void ChangeLimits(std::int64_t concurrency, std::int64_t most);

  // Whether the limits of the drain allow one more retry. If no memory could be had for the retries
  // that `most` allows, fewer are let go.
  bool HasTurn() const { return taken_ < concurrency_ && unended_ < room_; }
  // Whether one more retry may be let go. If so, Take must follow. If only the shared turns are
  // used up, the next look is due in kPause.
  bool Claim(Instant now) { return HasTurn() && (shared_ == nullptr || ClaimShared(now)); }
  // Whether Claim is due again at the right time, although HasTurn.
  bool AsksAgain(Instant now) const {
    return shared_ != nullptr && taken_ > 0 && next_due_ <= After(now, kPause);
  }
  std::int64_t unended() const { return unended_; }
  std::int64_t taken() const { return taken_; }
  std::int64_t concurrency() const { return concurrency_; }

  // Lets a retry take a turn. `retry` tells the retry from all others. The retry gives its turn up
  // at `gives_up`, and is overdue at `overdue`. Needs a claim, and so there is room.
  std::uint32_t Take(std::uint64_t retry, Instant gives_up, Instant overdue);
  // Lets the retry of a closing shard count as unended.
  void TakeWithoutEntry() { ++unended_; }

  // The retry has ended. False means that the retry counted no more.
  bool End(std::uint32_t entry, std::uint64_t retry);

  // Takes their turns from the retries that give them up or are overdue by `now`. Returns how many
  // became overdue.
  std::size_t Expire(Instant now);
  // When Expire or Claim next has something to do. Never later than that, but maybe earlier.
  Instant next_due() const { return next_due_; }

  // A retry has succeeded. One more may be let go at the same time.
  void Grow() {
    if (concurrency_ < most_) ++concurrency_;
  }
  // A retry found no server. Half as many may be let go at the same time.
  void Halve() {
    if (concurrency_ > 1) concurrency_ /= 2;
  }

 private:
  struct Entry {
    std::uint64_t retry;  // 0: the entry is free
    Instant due;          // when the entry next changes by itself
    Instant overdue;
    std::uint32_t next_free;
    bool has_turn;
  };

  void MeasureRoom() {
    room_ = static_cast<std::uint32_t>(
        std::min<std::int64_t>({most_, static_cast<std::int64_t>(entries_.capacity()), kNoEntry}));
  }
  void Free(Entry& entry, std::uint32_t index);
  bool ClaimShared(Instant now);
  void GiveBack(std::int64_t turns) {
    taken_ -= turns;
    if (shared_ != nullptr) shared_->Return(turns);
  }

  // Few requests are held in most failovers.
  absl::InlinedVector<Entry, 2> entries_;
  std::uint32_t first_free_ = kNoEntry;
  // most_, or less, if no memory could be had for so many.
  std::uint32_t room_ = 1;
  // What the drain began with, or was last told.
  std::int64_t told_concurrency_ = 1;
  std::int64_t concurrency_ = 1;
  std::int64_t most_ = 1;
  std::int64_t taken_ = 0;
  std::int64_t unended_ = 0;
  Instant next_due_ = kNever;
  SharedTurns* const shared_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_DRAIN_TURNS_H_

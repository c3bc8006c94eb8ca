#include "shard/drain_turns.h"

#include <algorithm>
#include <cassert>
#include <new>

#include "base/sync_point.h"

namespace failover::internal {

void DrainTurns::Begin(std::int64_t concurrency, std::int64_t most) {
  // clear() would give the memory back.
  entries_.resize(0);
  first_free_ = kNoEntry;
  told_concurrency_ = concurrency_ = concurrency;
  most_ = most;
  MeasureRoom();
  GiveBack(taken_);
  unended_ = 0;
  next_due_ = kNever;
}

bool DrainTurns::TryReserve(std::size_t count, std::int64_t most) noexcept {
  try {
    Reserve(count, most);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void DrainTurns::ChangeLimits(std::int64_t concurrency, std::int64_t most) {
  if (concurrency != told_concurrency_) told_concurrency_ = concurrency_ = concurrency;
  most_ = most;
  MeasureRoom();
  concurrency_ = std::min(concurrency_, most_);
}

bool DrainTurns::ClaimShared(Instant now) {
  if (taken_ == 0) {
    shared_->TakeAlways();
    return true;
  }
  FAILOVER_SYNC_POINT("drain:before-shared-turn");
  if (shared_->TryTake()) return true;
  FAILOVER_SYNC_POINT("drain:no-shared-turn");
  next_due_ = std::min(next_due_, After(now, kPause));
  return false;
}

std::uint32_t DrainTurns::Take(std::uint64_t retry, Instant gives_up, Instant overdue) {
  std::uint32_t index = first_free_;
  Entry* entry = nullptr;
  if (index == kNoEntry) {
    assert(entries_.size() < entries_.capacity());
    index = static_cast<std::uint32_t>(entries_.size());
    entry = &entries_.emplace_back();
  } else {
    entry = &entries_[index];
    first_free_ = entry->next_free;
  }
  const Instant due = std::min(gives_up, overdue);
  *entry = Entry{retry, due, overdue, kNoEntry, true};
  next_due_ = std::min(next_due_, due);
  ++taken_;
  ++unended_;
  return index;
}

bool DrainTurns::End(std::uint32_t entry, std::uint64_t retry) {
  if (entry == kNoEntry) {
    if (unended_ > 0) --unended_;
    return true;
  }
  if (entry >= entries_.size() || entries_[entry].retry != retry) return false;
  Free(entries_[entry], entry);
  return true;
}

std::size_t DrainTurns::Expire(Instant now) {
  if (now < next_due_) return 0;
  std::size_t overdue = 0;
  next_due_ = kNever;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (entry.retry == 0) continue;
    if (entry.overdue <= now) {
      Free(entry, i);
      ++overdue;
      continue;
    }
    if (entry.due <= now) {
      entry.due = entry.overdue;
      entry.has_turn = false;
      GiveBack(1);
    }
    next_due_ = std::min(next_due_, entry.due);
  }
  return overdue;
}

void DrainTurns::Free(Entry& entry, std::uint32_t index) {
  if (entry.has_turn) GiveBack(1);
  --unended_;
  entry.retry = 0;
  entry.next_free = first_free_;
  first_free_ = index;
}

}  // namespace failover::internal

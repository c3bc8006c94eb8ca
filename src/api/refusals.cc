// The errors of requests that are not held.
#include <algorithm>
#include <cassert>
#include <cstdint>
#include <new>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "api/buffer_core.h"
#include "api/failover_log.h"
#include "api/waiters.h"
#include "shard/buffer_error.h"

namespace failover::internal {
namespace {

BufferErrorReason ReasonOf(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNoSlot:
    case Refusal::kAboveLimit:
    case Refusal::kNoBytes:
    case Refusal::kTooLarge:
    case Refusal::kNoMemory:
      return BufferErrorReason::kBufferFull;
    case Refusal::kTimeoutOver:
      return BufferErrorReason::kTimeout;
    case Refusal::kCancelled:
      return BufferErrorReason::kCancelled;
    case Refusal::kWindowOver:
      return BufferErrorReason::kWindowOver;
    // PollerBlockedError makes this error, which has no reason.
    case Refusal::kBlocksPoller:
      break;
  }
  return BufferErrorReason::kBufferFull;
}

// The limit of the Buffer, and that of its budget if it has one.
std::string Limits(absl::string_view name, std::uint64_t own, std::optional<std::uint64_t> shared) {
  std::string text = absl::StrCat(name, " ", own);
  if (shared.has_value()) absl::StrAppend(&text, ", ", name, " of the budget ", *shared);
  return text;
}

// A full buffer refuses many requests, which must not meet in one mutex for all shards.
std::string SizeText(ShardBuffer& shard, const Budget* budget) {
  std::int64_t size = 0;
  std::int64_t max_per_shard = 0;
  {
    const MutexLock lock(shard.mutex());
    size = shard.terms().size;
    max_per_shard = shard.terms().max_per_shard;
  }
  std::optional<std::uint64_t> shared;
  if (budget != nullptr) shared = static_cast<std::uint64_t>(budget->limits().size);
  std::string text = Limits("size", static_cast<std::uint64_t>(size), shared);
  if (max_per_shard > 0) absl::StrAppend(&text, ", max_per_shard ", max_per_shard);
  return text;
}

std::string BytesText(std::uint64_t max_bytes, const Budget* budget) {
  std::optional<std::uint64_t> shared;
  if (budget != nullptr) shared = budget->limits().max_bytes;
  return Limits("max_bytes", max_bytes, shared);
}

// The lower one of the two limits, of which one may be 0: no limit.
std::uint64_t MostBytes(std::uint64_t max_bytes, const Budget* budget) {
  const std::uint64_t shared = budget != nullptr ? budget->limits().max_bytes : 0;
  if (shared == 0 || max_bytes == 0) return std::max(shared, max_bytes);
  return std::min(shared, max_bytes);
}

}  // namespace

absl::Status BufferCore::RefusalError(ShardBuffer& shard, const RequestContext& context,
                                      Refusal refusal, const AttemptView& last) const noexcept try {
  std::string what;
  switch (refusal) {
    case Refusal::kNoSlot:
      what = absl::StrCat("the buffer is full (", SizeText(shard, fixed_.budget.get()),
                          ") and this shard holds no older request to evict");
      break;
    case Refusal::kAboveLimit:
      what = absl::StrCat("more requests are held than the new options allow (",
                          SizeText(shard, fixed_.budget.get()),
                          "), and nobody is evicted for a newcomer until enough have left");
      break;
    case Refusal::kNoBytes:
      what = absl::StrCat("the buffer is full (", BytesText(pool_.max_bytes(), fixed_.budget.get()),
                          ") and this shard holds too little to make room for ", context.bytes,
                          " bytes");
      break;
    case Refusal::kTooLarge:
      what = absl::StrCat("the request pins ", context.bytes, " bytes, more than max_bytes (",
                          MostBytes(pool_.max_bytes(), fixed_.budget.get()), ") in all");
      break;
    case Refusal::kNoMemory:
      what = kNoMemoryToHold;
      break;
    case Refusal::kTimeoutOver:
      what = "the request's own timeout was over before it could be held";
      break;
    case Refusal::kCancelled:
      what = "the request was cancelled before it could be held";
      break;
    case Refusal::kWindowOver:
      what = "the request came back after the end of its window";
      break;
    case Refusal::kBlocksPoller:
      assert(false && "PollerBlockedError makes this error");
      break;
  }
  const AttemptText error = TextOf(last);
  return BufferError(ReasonOf(refusal), shard.keyspace(), shard.shard(), what, error.code,
                     error.text);
} catch (const std::bad_alloc&) {
  return BufferErrorWithoutText(ReasonOf(refusal));
}

// The error does not show the original error: a classifier that looks at texts would take it for an
// error of a failover.
absl::Status BufferCore::PollerBlockedError(ShardBuffer& shard) noexcept try {
  // Relaxed is enough, because nothing else depends on the flag.
  if (!told_blocked_poller_.exchange(true, std::memory_order_relaxed))
    LogPollerBlocked(logger_, shard);
  return absl::FailedPreconditionError(absl::StrCat(
      "failover buffer, shard ", shard.keyspace(), "/", shard.shard(),
      ": a blocking wait inside a callback of the same Buffer is not held, because it would stop "
      "all callbacks and timers of the Buffer; wait asynchronously, or on another thread"));
} catch (const std::bad_alloc&) {
  return absl::FailedPreconditionError("");
}

}  // namespace failover::internal

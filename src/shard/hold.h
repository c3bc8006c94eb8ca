// The hold of a shard that is in Buffering: why it began, and what may end it when.
#ifndef FAILOVER_SRC_SHARD_HOLD_H_
#define FAILOVER_SRC_SHARD_HOLD_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "failover/internal/instant.h"

namespace failover::internal {

enum class HoldCause : std::uint8_t {
  kFailedRequest,  // E1
  kPrimaryDown,    // E2
  kRefusedRetry,   // E8
  kOperator,
  kSwitchover,  // Buffer::BeginSwitchover
};

// The times that limit a hold.
struct HoldTerms {
  std::chrono::nanoseconds suspicion = std::chrono::seconds(1);
  std::chrono::nanoseconds probe_after = std::chrono::seconds(1);
};

// After a retry was refused, nothing ends the hold for so long, but another primary. The time
// doubles with each refusal, until a retry succeeds. So a feed that says "serving" while writes are
// refused does not let the same requests go a hundred times a second.
class Patience {
 public:
  static constexpr std::chrono::milliseconds kFirst{50};
  static constexpr std::chrono::seconds kLast{1};

  // A retry was refused (E8), whether a hold could begin or not.
  void Extend(Instant now) {
    until_ = std::max(until_, After(now, next_));
    next_ = std::min<std::chrono::nanoseconds>(next_ * 2, kLast);
  }
  void Reset() {
    next_ = kFirst;
    until_ = kLongAgo;
  }
  Instant until() const { return until_; }

 private:
  std::chrono::nanoseconds next_ = kFirst;
  Instant until_ = kLongAgo;
};

// What was reported while a shard was held, for the log line about its end.
struct SeenInHold {
  bool any_report = false;
  bool old_primary = false;     // a server served that was taken for an old primary
  bool serving_not_up = false;  // a report said serving, and not up
  bool late = false;            // a report came after a newer one
  bool primary_down = false;
};

// Plain data: the mutex of the shard guards the object. It has a meaning in Buffering only.
class Hold {
 public:
  // A probe without an outcome counts no more after this time.
  static constexpr std::chrono::seconds kProbeTime{1};

  Hold() = default;
  // `event` is the number of the event that began the hold. Before `patient_until` only another
  // primary ends the hold. The hold lasts no longer than `longest`.
  Hold(Instant now, std::uint64_t event, HoldCause cause, bool on_suspicion, const HoldTerms& terms,
       Instant patient_until, std::chrono::nanoseconds longest)
      : began_(now),
        longest_end_(After(now, longest)),
        began_event_(event),
        evidence_from_(std::max(now, patient_until)),
        suspicion_ends_(on_suspicion ? After(now, terms.suspicion) : kNever),
        next_probe_(evidence_from_),
        cause_(cause),
        retry_refused_(cause == HoldCause::kRefusedRetry) {
    if (retry_refused_) return;
    const std::chrono::nanoseconds pause = on_suspicion ? Patience::kFirst : terms.probe_after;
    next_probe_ = std::max(evidence_from_, After(now, pause));
  }

  Instant began() const { return began_; }
  // Whether a retry was let go after the hold began.
  bool BeganBefore(std::uint64_t let_go) const { return let_go > began_event_; }
  // An operator knows better than a serving report of the believed primary, a retry that succeeds,
  // or a probe.
  bool IsOperators() const {
    return cause_ == HoldCause::kOperator || cause_ == HoldCause::kSwitchover;
  }
  // Whether a switchover began the hold, and has not been committed.
  bool IsPlanned() const { return cause_ == HoldCause::kSwitchover; }
  // The switchover was committed before another primary was seen. The hold goes on as one that an
  // operator began.
  void OnCommit(std::chrono::nanoseconds longest) {
    cause_ = HoldCause::kOperator;
    longest_end_ = After(began_, longest);
  }

  // The believed primary was reported down.
  void OnDown() {
    suspicion_ends_ = kNever;
    returned_ = false;
    down_seen_ = true;
  }
  // A retry that was let go after the last hold was refused, whether this hold had begun or not.
  void NoteRefusedRetry() { retry_refused_ = true; }
  // A retry that was let go after the hold began was refused.
  void OnRefusedRetry(std::uint64_t let_go, Instant patient_until) {
    suspicion_ends_ = kNever;
    evidence_from_ = std::max(evidence_from_, patient_until);
    next_probe_ = probe_ == let_go ? evidence_from_ : std::max(next_probe_, evidence_from_);
    if (probe_ == let_go) probe_ = 0;
  }

  // Whether the hold ends because the believed primary was seen to serve at `observed`. If the
  // primary was down before (E5), the report may be of a time before the hold. An operator knows
  // better than the primary, unless the primary went down since.
  bool EndsByServing(bool was_down, Instant observed) const {
    if (IsOperators() && !down_seen_) return false;
    if (was_down && evidence_from_ == began_) return true;
    return observed > evidence_from_;
  }
  // The primary that was down serves again (E5), but the hold is still patient. A health check that
  // tells changes only will not say so again, so the hold remembers the report.
  void OnEarlyReturn() { returned_ = !IsOperators() || down_seen_; }
  // When such a report ends the hold.
  Instant return_counts() const { return returned_ ? evidence_from_ : kNever; }

  SeenInHold& seen() { return seen_; }

  // When the hold ends if nothing else ends it: a suspicion that nothing has confirmed ends early.
  Instant end() const { return std::min(longest_end_, suspicion_ends_); }
  // The same without the suspicion.
  Instant longest_end() const { return longest_end_; }
  // A let-go retry was refused, so connections may lead to an old primary.
  bool retry_refused() const { return retry_refused_; }

  // When the next request may be let go to see whether the shard takes writes.
  Instant next_probe() const { return next_probe_; }
  void OnProbeLetGo(Instant now, std::uint64_t let_go) {
    probe_ = let_go;
    next_probe_ = After(now, kProbeTime);
  }
  // A probe ended and has proved nothing.
  void OnProbeEnd(Instant now, std::uint64_t let_go, const HoldTerms& terms) {
    if (probe_ != let_go) return;
    probe_ = 0;
    const std::chrono::nanoseconds pause =
        suspicion_ends_ != kNever ? Patience::kFirst : terms.probe_after;
    next_probe_ = std::max(evidence_from_, After(now, pause));
  }

 private:
  Instant began_;
  Instant longest_end_ = kNever;
  std::uint64_t began_event_ = 0;
  Instant evidence_from_ = kLongAgo;
  Instant suspicion_ends_ = kNever;
  Instant next_probe_ = kNever;
  std::uint64_t probe_ = 0;  // the event that let the current probe go
  HoldCause cause_ = HoldCause::kFailedRequest;
  bool retry_refused_ = false;
  bool down_seen_ = false;
  bool returned_ = false;
  SeenInHold seen_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_HOLD_H_

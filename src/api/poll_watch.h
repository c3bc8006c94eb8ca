// Notices that an embedder in Threading::kManual, who gave no `wakeup`, forgets to poll.
#ifndef FAILOVER_SRC_API_POLL_WATCH_H_
#define FAILOVER_SRC_API_POLL_WATCH_H_

#include <algorithm>
#include <atomic>
#include <chrono>

#include "failover/internal/instant.h"

namespace failover::internal {

// Without `wakeup` nobody tells the embedder that something is due, so Poll must be called at a
// fixed rate. A Buffer has no thread that could notice a missing call by itself. So it looks when
// something else happens: a request or a report. A Poll that comes late is a Poll, and warns
// nobody: who drives the Buffer with a clock of his own may let that clock jump before each Poll.
//
// Thread-safe.
class PollWatch {
 public:
  static constexpr std::chrono::seconds kLimit{1};

  // If `watches` is false, nothing is ever noticed, and nothing is written.
  explicit PollWatch(bool watches) : watching_(watches) {}

  // False means that no look is worth while: the embedder polled a short time ago, has been warned,
  // or is not watched.
  bool Suspects(Instant now) const {
    // Relaxed is enough here and below. The values only decide whether a line is logged, and no
    // other memory depends on them.
    return watching_.load(std::memory_order_relaxed) && now >= After(last_poll(), kLimit);
  }

  // Returns true once: when a request has been held since `held_since` and nobody polled for so
  // long that the embedder must be warned.
  bool MustWarn(Instant held_since, Instant now) {
    if (now < After(std::max(held_since, last_poll()), kLimit)) return false;
    return watching_.exchange(false, std::memory_order_relaxed);
  }

  void NotePoll(Instant now) { last_poll_.store(now, std::memory_order_relaxed); }

  bool watches() const { return watching_.load(std::memory_order_relaxed); }

 private:
  Instant last_poll() const { return last_poll_.load(std::memory_order_relaxed); }

  // Becomes false with the warning, so that there is one warning per Buffer.
  std::atomic<bool> watching_;
  // The time began when the Buffer was made.
  std::atomic<Instant> last_poll_{Instant()};
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_POLL_WATCH_H_

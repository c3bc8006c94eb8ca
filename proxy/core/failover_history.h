// Remembers the last failovers, for the status page.
#ifndef FAILOVER_PROXY_CORE_FAILOVER_HISTORY_H_
#define FAILOVER_PROXY_CORE_FAILOVER_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "failover/transition.h"
#include "proxy/core/mutex.h"

namespace proxy {

// All times are of the Buffer's clock.
struct PastFailover {
  std::string keyspace;
  std::string shard;
  absl::Time began;
  // When the shard began to release its requests, and when it was idle again.
  std::optional<absl::Time> released = {};
  std::optional<absl::Time> ended = {};
  // Why the failover began and ended, in a few words for people.
  std::string cause;
  std::string end = {};
  // How many requests were held at the release.
  std::uint64_t held = 0;
  // ShardHandle::epoch after the last change.
  std::uint64_t epoch = 0;
};

// Thread-safe.
class FailoverHistory {
 public:
  // Older failovers than so many are forgotten.
  static constexpr std::size_t kMost = 50;

  // For BufferOptions::on_transition. A change for which memory is missing is not remembered.
  void Note(const failover::Transition& transition) noexcept;

  // The newest failover comes first.
  std::vector<PastFailover> Latest() const;

 private:
  mutable Mutex mutex_;
  std::deque<PastFailover> failovers_ ABSL_GUARDED_BY(mutex_);  // the newest is in front
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_FAILOVER_HISTORY_H_

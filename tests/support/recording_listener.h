// A listener that keeps the reports of a monitor, for tests that wait for a report.
#ifndef FAILOVER_TESTS_SUPPORT_RECORDING_LISTENER_H_
#define FAILOVER_TESTS_SUPPORT_RECORDING_LISTENER_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "failover/health_check.h"
#include "support/patience.h"

namespace failover::test {

// Thread-safe.
class RecordingListener : public HealthCheckStatsListener {
 public:
  void StatsUpdate(const TabletStats& stats) override {
    std::function<void()> hook;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      last_[stats.alias.uid] = stats;
      ++counts_[stats.alias.uid];
      hook = hook_;
    }
    changed_.notify_all();
    if (hook) hook();
  }

  // Each StatsUpdate calls `hook` from now on.
  void SetHook(std::function<void()> hook) {
    const std::lock_guard<std::mutex> lock(mutex_);
    hook_ = std::move(hook);
  }

  // Waits until the last report of server `uid` satisfies `condition`. Returns false after
  // kPatience.
  template <typename Condition>
  bool Await(std::uint32_t uid, Condition condition) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, test::kPatience, [&] {
      const auto found = last_.find(uid);
      return found != last_.end() && condition(found->second);
    });
  }

  // The last report of server `uid`.
  TabletStats last(std::uint32_t uid) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = last_.find(uid);
    return found == last_.end() ? TabletStats() : found->second;
  }

  // How many reports there were of server `uid`.
  std::size_t count(std::uint32_t uid) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = counts_.find(uid);
    return found == counts_.end() ? 0 : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint32_t, TabletStats> last_;
  std::map<std::uint32_t, std::size_t> counts_;
  std::function<void()> hook_;
};

inline bool IsServingPrimary(const TabletStats& stats) {
  return stats.target.tablet_type == TabletType::kPrimary && stats.serving;
}
inline bool IsPrimaryThatDoesNotServe(const TabletStats& stats) {
  return stats.target.tablet_type == TabletType::kPrimary && !stats.serving;
}
inline bool IsReplica(const TabletStats& stats) {
  return stats.target.tablet_type == TabletType::kReplica && stats.serving;
}
inline bool IsDown(const TabletStats& stats) { return !stats.up && !stats.serving; }

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_RECORDING_LISTENER_H_

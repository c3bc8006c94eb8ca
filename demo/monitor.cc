#include "monitor.h"

#include <utility>

#include "failover/clock.h"
#include "progress.h"
#include "router.h"

namespace failover_demo {
namespace {

// The interval is short beside the shortest failover, a switchover of some 50 ms.
constexpr absl::Duration kSampleInterval = absl::Milliseconds(2);
constexpr absl::Duration kProgressInterval = absl::Seconds(2);

}  // namespace

Monitor::Monitor(const failover::Buffer& buffer, const Workload& workload, absl::Time start)
    : buffer_(buffer), workload_(workload), start_(start), thread_([this] { Run(); }) {}

Monitor::~Monitor() { Stop(); }

std::vector<HeldSample> Monitor::Stop() {
  if (thread_.joinable()) {
    stop_.Notify();
    thread_.join();
  }
  return std::move(held_);
}

void Monitor::Run() {
  do {
    const absl::Duration now = failover::Clock::Steady().Now() - start_;
    Sample(now);
    if (now - shown_at_ >= kProgressInterval) ShowProgress(now);
  } while (!stop_.WaitForNotificationWithTimeout(kSampleInterval));
}

void Monitor::Sample(absl::Duration now) {
  const auto stats = buffer_.GetShardStats(kKeyspace, kShard);
  const std::uint64_t held = stats.has_value() ? stats->requests_held : 0;
  if (held != held_.back().held) held_.push_back({now, held});
}

void Monitor::ShowProgress(absl::Duration now) {
  const std::int64_t answered = workload_.answered();
  const double per_second =
      static_cast<double>(answered - shown_answered_) / absl::ToDoubleSeconds(now - shown_at_);
  Progress(now, "%5.0f answers/s, %d errors so far, %d held now", per_second,
           static_cast<long>(workload_.errors()), static_cast<long>(held_.back().held));
  shown_at_ = now;
  shown_answered_ = answered;
}

}  // namespace failover_demo

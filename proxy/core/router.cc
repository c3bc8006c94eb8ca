#include "proxy/core/router.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

namespace proxy {
namespace {

// Log lines call the backends "backend-1", "backend-2" and so on.
constexpr char kCell[] = "backend";

std::int64_t SteadyNanoseconds() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

}  // namespace

std::string Address::ToString() const { return absl::StrCat(host, ":", port); }

Router::Router(std::vector<Address> backends, failover::HealthCheckStatsListener& buffer)
    : backends_(std::move(backends)),
      buffer_(buffer),
      not_reported_(backends_.size()),
      silent_since_(new std::atomic<std::int64_t>[backends_.size()]()),
      reported_(backends_.size(), false) {}

failover::TabletAlias Router::AliasOf(std::size_t backend) {
  return {kCell, static_cast<std::uint32_t>(backend + 1)};
}

std::optional<std::size_t> Router::primary() const {
  // StatsUpdate stores first that the backend is not silent, and then the primary. The acquire here
  // pairs with the release there, so a thread that sees the new primary sees both.
  const std::size_t primary = primary_.load(std::memory_order_acquire);
  if (primary == kNone) return std::nullopt;
  return primary;
}

std::optional<std::size_t> Router::serving_primary() const {
  // memory_order_relaxed is enough, because the value itself is all that is read.
  const std::size_t primary = serving_primary_.load(std::memory_order_relaxed);
  if (primary == kNone) return std::nullopt;
  return primary;
}

bool Router::HasLooked() const {
  // StatsUpdate stores first the primary, and then the counter. The acquire here pairs with the
  // release there, so a thread that reads zero also sees the primary.
  return not_reported_.load(std::memory_order_acquire) == 0 || primary().has_value();
}

bool Router::IsSilent(std::size_t backend, absl::Duration duration) const {
  // memory_order_relaxed is enough, because the value itself is all that is read: no other data is
  // published with it.
  const std::int64_t since = silent_since_[backend].load(std::memory_order_relaxed);
  return since != 0 && SteadyNanoseconds() - since >= absl::ToInt64Nanoseconds(duration);
}

void Router::StatsUpdate(const failover::TabletStats& stats) {
  const std::size_t backend = stats.alias.uid - 1;
  if (backend < backends_.size()) {
    // memory_order_relaxed is enough, because this thread is the only writer and readers use the
    // value alone.
    std::atomic<std::int64_t>& since = silent_since_[backend];
    if (stats.up) {
      since.store(0, std::memory_order_relaxed);
    } else if (since.load(std::memory_order_relaxed) == 0) {
      since.store(SteadyNanoseconds(), std::memory_order_relaxed);
    }
    const bool is_primary = stats.target.tablet_type == failover::TabletType::kPrimary;
    // memory_order_relaxed is enough, for the same reasons as above.
    if (is_primary) {
      serving_primary_.store(stats.serving ? backend : kNone, std::memory_order_relaxed);
    } else if (serving_primary_.load(std::memory_order_relaxed) == backend) {
      serving_primary_.store(kNone, std::memory_order_relaxed);
    }
    if (is_primary) {
      // Pairs with the acquire in primary().
      primary_.store(backend, std::memory_order_release);
    }
    if (!reported_[backend]) {
      reported_[backend] = true;
      // Pairs with the acquire in HasLooked().
      not_reported_.fetch_sub(1, std::memory_order_release);
    }
  }
  buffer_.StatsUpdate(stats);
}

}  // namespace proxy

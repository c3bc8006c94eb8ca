#include "proxy/core/router.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mysql_proxy {
namespace {

constexpr char kCell[] = "servers";

std::int64_t SteadyNanoseconds() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

}  // namespace

std::string ServerAddress::ToString() const { return absl::StrCat(host, ":", port); }

Router::Router(std::vector<ServerAddress> servers, failover::HealthCheckStatsListener& buffer)
    : servers_(std::move(servers)),
      buffer_(buffer),
      not_reported_(servers_.size()),
      reported_(servers_.size(), false),
      silent_since_(new std::atomic<std::int64_t>[servers_.size()]()) {}

failover::TabletAlias Router::AliasOf(std::size_t server) {
  return {kCell, static_cast<std::uint32_t>(server + 1)};
}

std::optional<std::size_t> Router::primary() const {
  const std::size_t primary = primary_.load(std::memory_order_acquire);
  if (primary == kNone) return std::nullopt;
  return primary;
}

bool Router::HasLooked() const {
  return primary().has_value() || not_reported_.load(std::memory_order_acquire) == 0;
}

bool Router::IsSilent(std::size_t server, absl::Duration duration) const {
  const std::int64_t since = silent_since_[server].load(std::memory_order_relaxed);
  return since != 0 && SteadyNanoseconds() - since >= absl::ToInt64Nanoseconds(duration);
}

void Router::StatsUpdate(const failover::TabletStats& stats) {
  const std::size_t server = stats.alias.uid - 1;
  if (server < servers_.size()) {
    std::atomic<std::int64_t>& since = silent_since_[server];
    if (stats.up) {
      since.store(0, std::memory_order_relaxed);
    } else if (since.load(std::memory_order_relaxed) == 0) {
      since.store(SteadyNanoseconds(), std::memory_order_relaxed);
    }
    if (stats.target.tablet_type == failover::TabletType::kPrimary) {
      primary_.store(server, std::memory_order_release);
    }
    if (!reported_[server]) {
      reported_[server] = true;
      not_reported_.fetch_sub(1, std::memory_order_release);
    }
  }
  buffer_.StatsUpdate(stats);
}

}  // namespace mysql_proxy

#include "proxy/core/state_report.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace proxy {
namespace {

template <typename Reason, std::size_t kCount>
void AppendReasons(const char* title, const std::array<std::uint64_t, kCount>& counts,
                   std::string& out) {
  absl::StrAppend(&out, "    ", title, ":");
  for (std::size_t i = 0; i < kCount; ++i) {
    absl::StrAppend(&out, " ", std::string(failover::ToString(static_cast<Reason>(i))), "=",
                    counts[i]);
  }
  absl::StrAppend(&out, "\n");
}

void AppendShard(const failover::ShardStats& shard, std::string& out) {
  absl::StrAppend(&out, "  shard ", shard.keyspace, "/", shard.shard, ": ",
                  std::string(failover::ToString(shard.state)), ", held=", shard.requests_held,
                  " retrying=", shard.requests_retrying, "\n");
  absl::StrAppend(&out, "    failovers=", shard.starts,
                  " last=", absl::FormatDuration(shard.last_failover_duration),
                  " buffered=", shard.requests_buffered, " drained=", shard.requests_drained,
                  " most_at_once=", shard.last_requests_in_flight_max,
                  " retries_succeeded=", shard.retries_succeeded,
                  " retries_failed=", shard.retries_failed, "\n");
  AppendReasons<failover::StopReason>("stops", shard.stops, out);
  AppendReasons<failover::EvictedReason>("evicted", shard.requests_evicted, out);
  AppendReasons<failover::SkippedReason>("skipped", shard.requests_skipped, out);
}

}  // namespace

std::string StateReport(const failover::BufferStats& stats, const Router& router, int connections,
                        int logins) {
  const std::optional<std::size_t> primary = router.primary();
  std::string out = absl::StrCat(
      "connections=", connections, " logins=", logins, " primary=",
      primary.has_value() ? router.backends()[*primary].ToString() : std::string("none"), "\n");
  absl::StrAppend(&out, "buffer: size=", stats.size, " free=", stats.slots_free,
                  " bytes=", stats.bytes_held, "\n");
  for (const failover::ShardStats& shard : stats.shards) AppendShard(shard, out);
  return out;
}

}  // namespace proxy

// What the buffer of the C interface is told of servers, and what it tells of shards.
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "c/buffer.h"
#include "c/text.h"
#include "failover/metrics.h"
#include "failover/stats.h"
#include "failover/watch/server_report.h"

namespace c = failover::c;

namespace {

using Names = fo_buffer::Names;

// Runs `function` with the names of the shard, if they are known.
template <typename Function>
fo_result WithNames(const fo_buffer* buffer, fo_shard shard, Function&& function) {
  if (const fo_result result = c::Check(buffer, "buffer"); result != FO_OK) return result;
  return c::Guarded([&]() -> fo_result {
    const std::optional<Names> names = buffer->NamesOf(shard);
    if (!names.has_value()) return c::Invalid("shard", "did not come from fo_shard_get");
    return function(*names);
  });
}

constexpr std::size_t kMetricsPiece = 4096;

template <typename Array>
std::uint64_t Sum(const Array& array) {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : array) sum += count;
  return sum;
}

}  // namespace

fo_result fo_report(fo_buffer* buffer, fo_shard shard, const char* server, int reachable,
                    int writable) {
  if (server == nullptr) return c::Invalid("server", "is NULL");
  return WithNames(buffer, shard, [&](const Names& names) {
    failover::watch::ServerReport report;
    report.keyspace = names.keyspace;
    report.shard = names.shard;
    report.address = server;
    report.reachable = reachable != 0;
    report.serving = report.reachable;
    report.role = writable != 0 ? failover::watch::ServerRole::kPrimary
                                : failover::watch::ServerRole::kReplica;
    report.observed_at = buffer->buffer->Now();
    const absl::Status status = buffer->table->Report(report);
    return status.ok() ? static_cast<fo_result>(FO_OK) : c::Fail(status);
  });
}

fo_result fo_primary(fo_buffer* buffer, fo_shard shard, char* server, size_t size) {
  if (server == nullptr || size == 0) return c::Invalid("server", "is NULL, or its size is zero");
  server[0] = '\0';
  return WithNames(buffer, shard, [&](const Names& names) -> fo_result {
    const std::optional<failover::watch::TablePrimary> primary =
        buffer->table->PrimaryOf(names.keyspace, names.shard);
    if (!primary.has_value() || !primary->writable) {
      return c::Fail(FO_NO_PRIMARY, "no server of the shard is known to take writes");
    }
    if (primary->address.size() >= size) return c::Invalid("size", "is too small for the address");
    std::memcpy(server, primary->address.c_str(), primary->address.size() + 1);
    return FO_OK;
  });
}

fo_result fo_stats_update(fo_buffer* buffer, fo_shard shard, const fo_primary_report* report) {
  if (report == nullptr) return c::Invalid("report", "is NULL");
  if (const fo_result size = c::CheckSize(report->struct_size, sizeof(*report), "report");
      size != FO_OK) {
    return size;
  }
  if (report->server == nullptr || report->server[0] == '\0') {
    return c::Invalid("report.server", "is NULL or empty");
  }
  if (report->term < 0) return c::Invalid("report.term", "is negative");
  if (report->reserved != 0) return c::Invalid("report.reserved", "is not zero");
  if (report->observed_ago_ms < FO_NONE) return c::Invalid("report.observed_ago_ms", "is negative");
  return WithNames(buffer, shard, [&](const Names& names) {
    failover::watch::ServerReport told;
    told.keyspace = names.keyspace;
    told.shard = names.shard;
    told.address = report->server;
    told.role = failover::watch::ServerRole::kPrimary;
    told.serving = report->serving != 0;
    told.term = report->term;
    if (report->observed_ago_ms != FO_NONE) {
      told.observed_at = buffer->buffer->Now() - absl::Milliseconds(report->observed_ago_ms);
    }
    buffer->buffer->StatsUpdate(failover::watch::ToTabletStats(told));
    return FO_OK;
  });
}

fo_result fo_note_refused(fo_buffer* buffer, fo_shard shard, const char* why) {
  if (const fo_result result = c::Check(buffer, shard); result != FO_OK) return result;
  return c::Guarded([&] {
    buffer->buffer->NoteRefused(c::HandleOf(shard), c::OrEmpty(why));
    return FO_OK;
  });
}

fo_result fo_start_buffering(fo_buffer* buffer, fo_shard shard, const char* reason) {
  if (const fo_result result = c::Check(buffer, shard); result != FO_OK) return result;
  return c::Guarded([&]() -> fo_result {
    if (buffer->buffer->StartBuffering(c::HandleOf(shard), c::OrEmpty(reason))) return FO_OK;
    return c::Fail(FO_WRONG_STATE, "the shard cannot begin to buffer now");
  });
}

fo_result fo_stop_buffering(fo_buffer* buffer, fo_shard shard) {
  if (const fo_result result = c::Check(buffer, shard); result != FO_OK) return result;
  return c::Guarded([&]() -> fo_result {
    if (buffer->buffer->StopBuffering(c::HandleOf(shard))) return FO_OK;
    return c::Fail(FO_WRONG_STATE, "the shard does not buffer");
  });
}

fo_result fo_shard_stats_get(fo_buffer* buffer, fo_shard shard, fo_shard_stats* out) {
  if (out == nullptr) return c::Invalid("out", "is NULL");
  if (const fo_result size = c::CheckSize(out->struct_size, sizeof(*out), "out"); size != FO_OK) {
    return size;
  }
  return WithNames(buffer, shard, [&](const Names& names) -> fo_result {
    const std::optional<failover::ShardStats> stats =
        buffer->buffer->GetShardStats(names.keyspace, names.shard);
    if (!stats.has_value()) return c::Invalid("shard", "is not known");
    *out = {sizeof(*out),
            static_cast<std::int32_t>(stats->state),
            0,
            stats->requests_held,
            stats->requests_retrying,
            stats->starts,
            stats->requests_buffered,
            stats->requests_drained,
            Sum(stats->requests_evicted),
            Sum(stats->requests_skipped),
            stats->retries_succeeded,
            stats->retries_failed};
    return FO_OK;
  });
}

fo_result fo_metrics(fo_buffer* buffer, void (*write)(void* arg, const char* piece, size_t size),
                     void* arg) {
  if (const fo_result result = c::Check(buffer, "buffer"); result != FO_OK) return result;
  if (write == nullptr) return c::Invalid("write", "is NULL");
  return c::Guarded([&] {
    // The text is complete before the first piece is written, so nobody gets half of it when memory
    // runs out.
    const std::string text = failover::PrometheusText(*buffer->buffer);
    for (std::size_t begin = 0; begin < text.size(); begin += kMetricsPiece) {
      write(arg, text.data() + begin, std::min(kMetricsPiece, text.size() - begin));
    }
    return FO_OK;
  });
}

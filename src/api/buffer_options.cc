#include "failover/buffer_options.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "shard/keyspace_shards.h"

namespace failover {
namespace {

absl::Status MustBe(absl::string_view rule, absl::string_view value) {
  return absl::InvalidArgumentError(absl::StrCat(rule, " (specified value: ", value, ")"));
}

bool IsFinite(absl::Duration duration) {
  return duration > -absl::InfiniteDuration() && duration < absl::InfiniteDuration();
}

absl::Status AtLeastOne(absl::string_view option, std::int64_t value) {
  if (value >= 1) return absl::OkStatus();
  return MustBe(absl::StrCat(option, " must be >= 1"), absl::StrCat(value));
}

absl::Status ValidateDurations(const BufferOptions& o) {
  const auto text = [](absl::Duration duration) { return absl::FormatDuration(duration); };
  if (!IsFinite(o.window) || o.window < absl::Seconds(1)) {
    return MustBe("window (--buffer_window) must be >= 1s and finite", text(o.window));
  }
  if (!IsFinite(o.max_failover_duration)) {
    return MustBe("max_failover_duration (--buffer_max_failover_duration) must be finite",
                  text(o.max_failover_duration));
  }
  if (o.window > o.max_failover_duration) {
    return absl::InvalidArgumentError(
        absl::StrCat("window (--buffer_window) must be <= max_failover_duration "
                     "(--buffer_max_failover_duration): ",
                     text(o.window), " vs. ", text(o.max_failover_duration)));
  }
  if (absl::Status size = AtLeastOne("size (--buffer_size)", o.size); !size.ok()) return size;
  if (!IsFinite(o.min_time_between_failovers)) {
    return MustBe("min_time_between_failovers (--buffer_min_time_between_failovers) must be finite",
                  text(o.min_time_between_failovers));
  }
  if (o.min_time_between_failovers < o.max_failover_duration * 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "min_time_between_failovers (--buffer_min_time_between_failovers) should be at least "
        "twice the length of max_failover_duration (--buffer_max_failover_duration): ",
        text(o.min_time_between_failovers), " vs. ", text(o.max_failover_duration)));
  }
  return absl::OkStatus();
}

absl::Status ValidateShardList(const BufferOptions& o) {
  const bool listed = o.keyspace_shards.find_first_not_of(" \t\r\n") != std::string::npos;
  if (listed && !o.enabled) {
    return absl::InvalidArgumentError(
        absl::StrCat("keyspace_shards (--buffer_keyspace_shards=", o.keyspace_shards,
                     ") also requires that enabled (--enable_buffer) is set"));
  }
  if (o.enabled && o.dry_run && !listed) {
    return absl::InvalidArgumentError(
        "both enabled (--enable_buffer) and dry_run (--enable_buffer_dry_run) are set. To avoid "
        "ambiguity, list in keyspace_shards (--buffer_keyspace_shards) what really buffers");
  }
  return internal::KeyspaceShards::Parse(o.keyspace_shards).status();
}

absl::Status AtLeast(absl::string_view option, absl::Duration value, absl::Duration least) {
  if (IsFinite(value) && value >= least) return absl::OkStatus();
  return MustBe(absl::StrCat(option, " must be >= ", absl::FormatDuration(least), " and finite"),
                absl::FormatDuration(value));
}

absl::Status ValidateEvidence(const BufferOptions& o) {
  constexpr absl::Duration kLeast = absl::Milliseconds(1);
  if (absl::Status most = AtLeastOne("drain_concurrency_max (--buffer_drain_concurrency_max)",
                                     o.drain_concurrency_max);
      !most.ok()) {
    return most;
  }
  if (o.max_per_shard < 0)
    return MustBe("max_per_shard (--buffer_max_per_shard) must be >= 0",
                  absl::StrCat(o.max_per_shard));
  const absl::Duration retry_time = o.max_retry_time.value_or(o.max_failover_duration);
  for (const absl::Status& status :
       {AtLeast("max_retry_time", retry_time, kLeast), AtLeast("suspicion", o.suspicion, kLeast),
        AtLeast("probe_after", o.probe_after, kLeast),
        AtLeast("unstamped_report_delay", o.unstamped_report_delay, absl::ZeroDuration()),
        AtLeast("down_confirmation (--buffer_down_confirmation)", o.down_confirmation,
                absl::ZeroDuration())}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ValidateOwnAdditions(const BufferOptions& o) {
  if (absl::Status shards = AtLeastOne("max_shards (--buffer_max_shards)", o.max_shards);
      !shards.ok()) {
    return shards;
  }
  if (o.shutdown_grace.has_value() &&
      (!IsFinite(*o.shutdown_grace) || *o.shutdown_grace < absl::ZeroDuration())) {
    return MustBe("shutdown_grace must be >= 0 and finite",
                  absl::FormatDuration(*o.shutdown_grace));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status BufferOptions::Validate() const {
  if (absl::Status durations = ValidateDurations(*this); !durations.ok()) return durations;
  if (absl::Status drain =
          AtLeastOne("drain_concurrency (--buffer_drain_concurrency)", drain_concurrency);
      !drain.ok()) {
    return drain;
  }
  if (absl::Status list = ValidateShardList(*this); !list.ok()) return list;
  if (absl::Status evidence = ValidateEvidence(*this); !evidence.ok()) return evidence;
  return ValidateOwnAdditions(*this);
}

}  // namespace failover

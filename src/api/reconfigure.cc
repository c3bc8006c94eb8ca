// The functions of Buffer and of BufferCore that change the options while the Buffer runs.
#include <algorithm>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/buffer_core.h"
#include "api/failover_log.h"
#include "api/lifecycle.h"
#include "api/shard_change.h"
#include "base/sync_point.h"
#include "failover/internal/buffer_access.h"

namespace failover {
namespace internal {
namespace {

absl::Status MustStay(absl::string_view option) {
  return absl::InvalidArgumentError(
      absl::StrCat(option, " cannot change while the Buffer runs: make another Buffer for that"));
}

}  // namespace

ShardTerms BufferCore::TermsOf(const BufferOptions& options) {
  return {ToNanoseconds(options.window),
          ToNanoseconds(options.max_failover_duration),
          ToNanoseconds(options.min_time_between_failovers),
          options.drain_concurrency,
          std::max(options.drain_concurrency, options.drain_concurrency_max),
          ToNanoseconds(options.max_retry_time.value_or(options.max_failover_duration)),
          ToNanoseconds(options.down_confirmation),
          options.max_per_shard,
          {ToNanoseconds(options.suspicion), ToNanoseconds(options.probe_after)},
          options.size};
}

BufferOptions BufferCore::WithoutFunctions(BufferOptions options) {
  options.wakeup = nullptr;
  options.caused_by_failover = nullptr;
  options.on_transition = nullptr;
  options.log = nullptr;
  return options;
}

BufferOptions BufferCore::Current() const {
  const MutexLock lock(reconfigure_mutex_);
  return settings_[in_force_].options;
}

BufferOptions BufferCore::Options() const {
  BufferOptions options = Current();
  options.wakeup = fixed_.wakeup;
  options.caused_by_failover = fixed_.caused_by_failover;
  options.on_transition = fixed_.on_transition;
  options.log = fixed_.log;
  return options;
}

void BufferCore::StartThreadIfNeeded(const BufferOptions& options) {
  const bool holds = options.enabled || options.dry_run;
  if (manual() || !holds || service_thread_ != nullptr) return;
  service_thread_ = new ServiceThread([this] { return PollOnServiceThread(); });
}

absl::Status BufferCore::CheckFixed(const BufferOptions& options) const {
  if (options.threading != fixed_.threading) return MustStay("threading");
  if (options.clock != fixed_.clock) return MustStay("clock");
  if (options.budget != fixed_.budget) return MustStay("budget");
  return absl::OkStatus();
}

absl::Status BufferCore::Reconfigure(const BufferOptions& options, KeyspaceShards keyspace_shards) {
  if (absl::Status same = CheckFixed(options); !same.ok()) return same;
  // What a shard that leaves the list lets go may make another thread destroy the Buffer.
  const Lifecycle::Caller caller(lifecycle_);
  const Instant now = time_.Now();
  const BufferOptions after = WithoutFunctions(options);
  Settings next{after, std::move(keyspace_shards)};
  BufferOptions before;
  {
    const MutexLock lock(reconfigure_mutex_);
    before = settings_[in_force_].options;
    if (!Adopt(now, std::move(next))) {
      return absl::FailedPreconditionError("the Buffer is shut down");
    }
  }
  FAILOVER_SYNC_POINT("reconfigure:adopted");
  registry_.ForEach([this, now](ShardBuffer& shard) {
    ShardChange change(*this, shard, {"reconfigure:before-lock", "reconfigure:after-lock"});
    shard.OnNewTerms(now, change.effects());
  });
  LogReconfigured(logger_, before, after);
  return absl::OkStatus();
}

bool BufferCore::Adopt(Instant now, Settings next) {
  const auto index = static_cast<std::uint8_t>(1 - in_force_);
  Settings& settings = settings_[index];
  settings = std::move(next);
  shard_context_.terms[index] = TermsOf(settings.options);
  // Nothing below this loop can fail but Renew, which then has changed nothing. What comes after
  // Renew allocates nothing: the options are in force already.
  registry_.ForEach([](ShardBuffer& shard) {
    const MutexLock lock(shard.mutex());
    shard.ReserveTerms();
  });
  const auto lacks_counters = [&settings](const ShardBuffer& shard) {
    return shard.LacksDisabledLane() &&
           settings.ModeOf(shard.keyspace(), shard.shard()) == Mode::kDisabled;
  };
  std::vector<DisabledLane> lanes;
  const auto publish = [&] {
    StartThreadIfNeeded(settings.options);
    in_force_ = index;
  };
  const auto max_shards = static_cast<std::size_t>(settings.options.max_shards);
  if (!registry_.Renew(max_shards, lacks_counters, &lanes, publish)) return false;
  pool_.SetLimits(settings.options.size, settings.options.max_bytes);
  unstamped_report_delay_ = ToNanoseconds(settings.options.unstamped_report_delay);
  const DisabledLane none;
  auto lane = lanes.begin();
  registry_.ForEach([&](ShardBuffer& shard) {
    const Mode mode = settings.ModeOf(shard.keyspace(), shard.shard());
    const MutexLock lock(shard.mutex());
    if (shard.FollowTerms(now, index, mode, lane == lanes.end() ? none : *lane)) ++lane;
  });
  return true;
}

absl::Status BufferAccess::Reconfigure(Buffer& buffer, const BufferOptions& options) {
  if (absl::Status valid = options.Validate(); !valid.ok()) return valid;
  absl::StatusOr<KeyspaceShards> shards = KeyspaceShards::Parse(options.keyspace_shards);
  if (!shards.ok()) return shards.status();
  return buffer.core_->Reconfigure(options, *std::move(shards));
}

}  // namespace internal

absl::Status Buffer::Reconfigure(const BufferOptions& options) {
  try {
    try {
      return internal::BufferAccess::Reconfigure(*this, options);
    } catch (const std::system_error& error) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the service thread cannot be started: ", error.what()));
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError("out of memory, the options stay as they were");
    }
  } catch (const std::bad_alloc&) {
    // There is no memory for a text either.
    return absl::ResourceExhaustedError("");
  }
}

BufferOptions Buffer::options() const { return core_->Options(); }

}  // namespace failover

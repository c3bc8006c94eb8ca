#include "c/buffer.h"

#include <algorithm>
#include <functional>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "c/error.h"
#include "c/times.h"
#include "failover/internal/buffer_access.h"
#include "failover/transition.h"

namespace failover::c {

fo_result CheckSize(std::size_t given, std::size_t known, std::string_view name) noexcept {
  if (given == known) return FO_OK;
  return Guarded([&] {
    return Invalid(name, absl::StrCat("has the struct_size ", given, ", it must be ", known));
  });
}

fo_result Check(const fo_buffer* buffer, fo_shard shard) noexcept {
  if (const fo_result result = Check(buffer, "buffer"); result != FO_OK) return result;
  if (internal::BufferAccess::Owns(*buffer->buffer, HandleOf(shard))) return FO_OK;
  return Invalid("shard", "belongs to another buffer");
}

namespace {

void SetFunctions(const fo_options& from, BufferOptions* options) {
  if (from.wakeup != nullptr) {
    options->wakeup = [wakeup = from.wakeup, arg = from.wakeup_arg] { wakeup(arg); };
  }
  if (from.log != nullptr) {
    options->log = [log = from.log, arg = from.log_arg](LogLevel level, std::string_view line) {
      log(arg, static_cast<std::int32_t>(level), std::string(line).c_str());
    };
  }
}

void TellProgram(void (*function)(void*, const fo_transition*), void* arg,
                 const Transition& change) {
  // Without memory the names are missing. A transition is told in any case.
  const auto copy = [](std::string_view text, std::string* to) noexcept {
    try {
      to->assign(text);
    } catch (const std::bad_alloc&) {
      to->clear();
    }
  };
  std::string keyspace;
  std::string shard;
  std::string why;
  copy(change.keyspace, &keyspace);
  copy(change.shard_name, &shard);
  copy(change.why, &why);
  const fo_transition transition = {sizeof(fo_transition),
                                    {change.shard.ToOpaque()},
                                    keyspace.c_str(),
                                    shard.c_str(),
                                    why.c_str(),
                                    static_cast<std::int32_t>(change.from),
                                    static_cast<std::int32_t>(change.to),
                                    change.held,
                                    change.epoch};
  function(arg, &transition);
}

// Monitors learn of holds from the hook.
void SetOnTransition(const fo_options* from, const watch::MonitorHook& hook,
                     BufferOptions* options) {
  if (from == nullptr || from->on_transition == nullptr) {
    options->on_transition = hook;
    return;
  }
  options->on_transition = [hook, function = from->on_transition,
                            arg = from->on_transition_arg](const Transition& change) {
    hook(change);
    TellProgram(function, arg, change);
  };
}

fo_result SetOptions(const fo_options& from, BufferOptions* options) {
  if (const fo_result size = CheckSize(from.struct_size, sizeof(from), "options"); size != FO_OK) {
    return size;
  }
  if (from.reserved != 0) return Invalid("options.reserved", "is not zero");
  if (from.threading != FO_SERVICE_THREAD && from.threading != FO_MANUAL) {
    return Invalid("options.threading", "is no FO_SERVICE_THREAD and no FO_MANUAL");
  }
  options->enabled = from.disabled == 0;
  options->dry_run = from.dry_run != 0;
  options->threading = from.threading == FO_MANUAL ? Threading::kManual : Threading::kServiceThread;
  SetTime(from.window_ms, &options->window);
  SetTime(from.max_failover_duration_ms, &options->max_failover_duration);
  SetTime(from.min_time_between_failovers_ms, &options->min_time_between_failovers);
  SetTime(from.max_retry_time_ms, &options->max_retry_time);
  SetTime(from.suspicion_ms, &options->suspicion);
  SetTime(from.probe_after_ms, &options->probe_after);
  SetTimeOrNone(from.unstamped_report_delay_ms, &options->unstamped_report_delay);
  SetTimeOrNone(from.down_confirmation_ms, &options->down_confirmation);
  SetTimeOrNone(from.shutdown_grace_ms, &options->shutdown_grace);
  SetNumber(from.size, &options->size);
  SetNumber(from.drain_concurrency, &options->drain_concurrency);
  SetNumber(from.drain_concurrency_max, &options->drain_concurrency_max);
  SetNumber(from.max_per_shard, &options->max_per_shard);
  SetNumber(from.max_shards, &options->max_shards);
  SetNumber(from.max_bytes, &options->max_bytes);
  if (from.keyspace_shards != nullptr) options->keyspace_shards = from.keyspace_shards;
  SetFunctions(from, options);
  return FO_OK;
}

fo_result Reconfigure(fo_buffer& buffer, const fo_options& from) {
  const BufferOptions before = buffer.buffer->options();
  BufferOptions options;
  // What fo_options cannot express.
  options.clock = before.clock;
  options.budget = before.budget;
  if (const fo_result result = SetOptions(from, &options); result != FO_OK) return result;
  const absl::Status status = internal::BufferAccess::Reconfigure(*buffer.buffer, options);
  if (status.ok()) return FO_OK;
  const fo_result result = Fail(status);
  return result == FO_WOULD_BLOCK ? FO_WRONG_STATE : result;
}

fo_result Create(const fo_options* from, fo_buffer** out) {
  BufferOptions options;
  if (from != nullptr) {
    if (const fo_result result = SetOptions(*from, &options); result != FO_OK) return result;
  }
  auto made = std::make_unique<fo_buffer>();
  SetOnTransition(from, made->hook, &options);
  if (options.threading == Threading::kManual && !options.wakeup) {
    made->wake_fd = std::make_unique<WakeFd>();
    options.wakeup = [fd = made->wake_fd.get()] { fd->Signal(); };
  }
  made->log = options.log;
  absl::StatusOr<std::unique_ptr<Buffer>> buffer = Buffer::Create(std::move(options));
  if (!buffer.ok()) {
    const fo_result result = Fail(buffer.status());
    return result == FO_NO_MEMORY ? FO_NO_THREAD : result;
  }
  made->buffer = *std::move(buffer);
  made->table.emplace(made->buffer.get(), made->log);
  *out = made.release();
  return FO_OK;
}

}  // namespace
}  // namespace failover::c

namespace c = failover::c;

std::optional<fo_buffer::Names> fo_buffer::NamesOf(fo_shard shard) const {
  const std::lock_guard<std::mutex> lock(names_mutex);
  const auto found = names.find(shard.opaque);
  if (found == names.end()) return std::nullopt;
  return found->second;
}

fo_result fo_buffer_create(const fo_options* options, fo_buffer** out, char* error,
                           size_t error_size) {
  if (out != nullptr) *out = nullptr;
  const fo_result result = out == nullptr ? c::Invalid("out", "is NULL")
                                          : c::Guarded([&] { return c::Create(options, out); });
  c::CopyText(result, error, error_size);
  return result;
}

void fo_buffer_destroy(fo_buffer* buffer) {
  if (!c::MayEnd(buffer)) return;
  // A listener that the shutdown calls may still use the table.
  buffer->buffer->Shutdown();
  buffer->table.reset();
  delete buffer;
}

fo_result fo_buffer_shutdown(fo_buffer* buffer) {
  if (const fo_result result = c::Check(buffer, "buffer"); result != FO_OK) return result;
  return c::Guarded([&] {
    buffer->buffer->Shutdown();
    return FO_OK;
  });
}

fo_result fo_buffer_begin_shutdown(fo_buffer* buffer, void (*done)(void* arg), void* arg) {
  if (const fo_result result = c::Check(buffer, "buffer"); result != FO_OK) return result;
  return c::Guarded([&] {
    std::function<void()> function;
    if (done != nullptr) function = [done, arg] { done(arg); };
    buffer->buffer->BeginShutdown(std::move(function));
    return FO_OK;
  });
}

fo_result fo_reconfigure(fo_buffer* buffer, const fo_options* options) {
  if (const fo_result result = c::Check(buffer, "buffer"); result != FO_OK) return result;
  if (options == nullptr) return c::Invalid("options", "is NULL");
  return c::Guarded([&] { return c::Reconfigure(*buffer, *options); });
}

fo_result fo_shard_get(fo_buffer* buffer, const char* keyspace, const char* shard, fo_shard* out) {
  if (out == nullptr) return c::Invalid("out", "is NULL");
  out->opaque = 0;
  if (const fo_result result = c::Check(buffer, "buffer"); result != FO_OK) return result;
  if (keyspace == nullptr) return c::Invalid("keyspace", "is NULL");
  if (shard == nullptr) return c::Invalid("shard", "is NULL");
  return c::Guarded([&]() -> fo_result {
    for (const std::string_view name : {std::string_view(keyspace), std::string_view(shard)}) {
      if (name.empty() || name.size() > failover::kMaxNameLength) {
        return c::Invalid(name.data() == keyspace ? "keyspace" : "shard",
                          "must have 1 to 256 bytes");
      }
    }
    const failover::ShardHandle handle = buffer->buffer->GetShard(keyspace, shard);
    if (!handle) {
      return c::Fail(FO_BUFFER_FULL, "max_shards shards are known, or the buffer is shut down");
    }
    const std::lock_guard<std::mutex> lock(buffer->names_mutex);
    buffer->names.try_emplace(handle.ToOpaque(), fo_buffer::Names{keyspace, shard});
    out->opaque = handle.ToOpaque();
    return FO_OK;
  });
}

uint64_t fo_shard_epoch(fo_shard shard) { return c::HandleOf(shard).epoch(); }

int64_t fo_poll(fo_buffer* buffer) {
  if (c::Check(buffer, "buffer") != FO_OK) {
    return buffer == nullptr ? FO_INVALID_ARGUMENT : FO_WRONG_PROCESS;
  }
  if (buffer->wake_fd != nullptr) buffer->wake_fd->Clear();
  const absl::Duration idle_for = buffer->buffer->Poll();
  if (idle_for == absl::InfiniteDuration()) return -1;
  // The time is rounded up, so that a loop does not come back just before something is due.
  return absl::ToInt64Milliseconds(absl::Ceil(idle_for, absl::Milliseconds(1)));
}

int fo_wakeup_fd(fo_buffer* buffer) {
  if (c::Check(buffer, "buffer") != FO_OK || buffer->wake_fd == nullptr) return -1;
  return buffer->wake_fd->fd();
}

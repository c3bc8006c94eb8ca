#include "api/buffer_core.h"

#include <limits>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/failover_log.h"
#include "api/waiters.h"
#include "base/log.h"
#include "base/sync_point.h"
#include "shard/buffer_error.h"
#include "shard/downcasts.h"

namespace failover::internal {
namespace {

// After so many callbacks Poll lets the event loop have its turn.
constexpr std::size_t kCallbacksPerPoll = 1024;
constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

constexpr char kNoMemory[] = "out of memory, the request is not held";

BufferErrorReason ReasonOf(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNoSlot:
    case Refusal::kNoBytes:
    case Refusal::kTooLarge:
    case Refusal::kNoMemory:
      return BufferErrorReason::kBufferFull;
    case Refusal::kTimeoutOver:
      return BufferErrorReason::kTimeout;
    case Refusal::kCancelled:
      return BufferErrorReason::kCancelled;
  }
  return BufferErrorReason::kBufferFull;
}

absl::string_view Piece(std::string_view text) { return {text.data(), text.size()}; }

bool IsName(std::string_view name) { return !name.empty() && name.size() <= kMaxNameLength; }

absl::Status NameError(std::string_view keyspace, std::string_view shard) {
  const bool keyspace_is_bad = !IsName(keyspace);
  const std::string_view name = keyspace_is_bad ? keyspace : shard;
  return absl::InvalidArgumentError(
      absl::StrCat("the name of the ", keyspace_is_bad ? "keyspace" : "shard", " must have 1 to ",
                   kMaxNameLength, " bytes, it has ", name.size(), ": '",
                   Piece(name.substr(0, kMaxNameLength)), "'"));
}

}  // namespace

// Counts a caller that may block, or that has something to do after it released the shard's mutex,
// so that the destructor can wait for it; and keeps the core alive until the caller has left.
class BufferCore::Caller {
 public:
  explicit Caller(BufferCore& core) : core_(core) {
    core_.Ref();
    core_.callers_.fetch_add(1);
  }
  // Sequentially consistent with the destructor, which first sets destroying_ and then looks at
  // the count: one of the two sees the other.
  ~Caller() {
    if (core_.callers_.fetch_sub(1) == 1 && core_.destroying_.load()) {
      const MutexLock lock(core_.lifecycle_mutex_);
      core_.lifecycle_changed_.NotifyAll();
    }
    core_.Unref();
  }

  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

 private:
  BufferCore& core_;
};

BufferCore::BufferCore(BufferOptions options, KeyspaceShards keyspace_shards)
    : options_(std::move(options)),
      keyspace_shards_(std::move(keyspace_shards)),
      time_(options_.clock),
      pool_(options_.size, options_.max_bytes),
      shard_context_{*this,
                     pool_,
                     ToNanoseconds(options_.window),
                     ToNanoseconds(options_.max_failover_duration),
                     ToNanoseconds(options_.min_time_between_failovers),
                     options_.drain_concurrency},
      registry_(static_cast<std::size_t>(options_.max_shards)) {
  EnsureLogger();
  LogStartup(options_);
  if (manual() || (!options_.enabled && !options_.dry_run)) return;
  service_thread_ = std::make_unique<ServiceThread>([this] { return PollOnce(); });
}

// ---- Requests ---------------------------------------------------------------------------------

bool BufferCore::IsFailover(const absl::Status& error) const {
  if (error.ok()) return false;
  if (options_.caused_by_failover) return options_.caused_by_failover(error);
  return CausedByFailover(error);
}

bool BufferCore::MustSubmit(ShardBuffer& shard, const absl::Status& error) const {
  const std::uint32_t gate = shard.bits();
  const std::uint32_t stop = error.ok() ? ShardGate::kStopsRequests : ShardGate::kStopsFailures;
  if ((gate & stop) == 0) return false;
  if (!error.ok() && !IsFailover(error)) return false;
  if ((gate & ShardGate::kDisabled) == 0) return true;
  shard.CountDisabled();
  return false;
}

Decision BufferCore::Submit(const RequestContext& context, const absl::Status& error,
                            bool cancelled, Waiter* waiter) {
  ShardBuffer& shard = ShardOf(*waiter);
  const Request request{!error.ok(), cancelled, ToNanoseconds(context.timeout), context.bytes};
  const Instant now = time_.Now();
  Effects effects;
  Decision decision;
  LoggableError cause;
  std::optional<Caller> caller;
  FAILOVER_SYNC_POINT("submit:before-lock");
  {
    const MutexLock lock(shard.mutex());
    decision = shard.OnRequest(now, request, waiter, &effects);
    dispatcher_.Collect(&shard, shard.NextDue(), &effects);
    // As soon as the mutex is released a coroutine may be gone, and its error with it; and the
    // Buffer, once all that it held is gone.
    if (effects.started || effects.skipped) cause = LoggableError(error);
    if (!effects.empty()) caller.emplace(*this);
  }
  FAILOVER_SYNC_POINT("submit:after-lock");
  Finish(shard, &effects, [&cause] { return cause.ToString(); });
  return decision;
}

absl::StatusOr<RetryDoneFunc> BufferCore::Wait(const RequestContext& context, Cancellation* stop,
                                               ShardBuffer& shard, const absl::Status& error) {
  if (!MustSubmit(shard, error)) return RetryDoneFunc();
  const Caller caller(*this);
  const bool cancelled = (context.cancellation != nullptr && context.cancellation->cancelled()) ||
                         (stop != nullptr && stop->cancelled());
  ThreadWaiter waiter(shard);
  const Decision decision = Submit(context, error, cancelled, &waiter);
  switch (decision.kind) {
    case Decision::Kind::kPass:
      return RetryDoneFunc();
    case Decision::Kind::kRefused:
      return RefusalError(shard, context, decision.refusal, error);
    case Decision::Kind::kHeld:
      break;
  }
  {
    const CancelHook by_caller(context.cancellation, waiter);
    const CancelHook by_stop_token(stop, waiter);
    FAILOVER_SYNC_POINT("wait:before-block");
    waiter.Block();
  }
  return ResultOf(shard, waiter.end, error.code(),
                  {error.message().data(), error.message().size()});
}

absl::StatusOr<BufferedRequest> BufferCore::WaitAsync(const RequestContext& context,
                                                      ShardBuffer& shard, const absl::Status& error,
                                                      WaitCallback&& callback) {
  if (!MustSubmit(shard, error)) return BufferedRequest();
  if (!callback) return absl::InvalidArgumentError("the callback of an asynchronous wait is empty");
  CallbackWaiter* const waiter = CallbackWaiter::Make(shard, std::move(callback), error);
  if (waiter == nullptr) {
    if (!MayHold(shard)) return BufferedRequest();
    return RefusalError(shard, context, Refusal::kNoMemory, error);
  }
  BufferedRequest handle(waiter);
  const Decision decision = Submit(context, error, false, waiter);
  if (decision.kind == Decision::Kind::kHeld) return handle;
  handle.Detach();
  waiter->Discard();
  if (decision.kind == Decision::Kind::kPass) return BufferedRequest();
  return RefusalError(shard, context, decision.refusal, error);
}

bool BufferCore::MayHold(ShardBuffer& shard) {
  const MutexLock lock(shard.mutex());
  return shard.MayHold();
}

absl::Status BufferCore::RefusalError(ShardBuffer& shard, const RequestContext& context,
                                      Refusal refusal, const absl::Status& error) const noexcept
    try {
  std::string what;
  switch (refusal) {
    case Refusal::kNoSlot:
      what = absl::StrCat("the buffer is full (size ", options_.size,
                          ") and this shard holds no older request to evict");
      break;
    case Refusal::kNoBytes:
      what = absl::StrCat("the buffer is full (max_bytes ", options_.max_bytes,
                          ") and this shard holds too little to make room for ", context.bytes,
                          " bytes");
      break;
    case Refusal::kTooLarge:
      what = absl::StrCat("the request pins ", context.bytes, " bytes, more than max_bytes (",
                          options_.max_bytes, ") in all");
      break;
    case Refusal::kNoMemory:
      what = kNoMemory;
      break;
    case Refusal::kTimeoutOver:
      what = "the request's own timeout was over before it could be held";
      break;
    case Refusal::kCancelled:
      what = "the request was cancelled before it could be held";
      break;
  }
  return BufferError(ReasonOf(refusal), shard.keyspace(), shard.shard(), what, error.code(),
                     {error.message().data(), error.message().size()});
} catch (const std::bad_alloc&) {
  return BufferErrorWithoutText(ReasonOf(refusal));
}

CancelResult BufferCore::Cancel(Waiter& waiter) {
  ShardBuffer& shard = ShardOf(waiter);
  Effects effects;
  bool closed = false;
  std::optional<Caller> caller;
  FAILOVER_SYNC_POINT("cancel:before-lock");
  {
    const MutexLock lock(shard.mutex());
    if (waiter.place() == Place::kLeft) return CancelResult::kWonBefore;
    if (waiter.place() == Place::kHeld) {
      shard.OnCancel(&waiter, &effects);
    } else if (dispatcher_.TakeBack(&waiter)) {
      FAILOVER_SYNC_POINT("cancel:took-back");
      if (waiter.end.released()) {
        shard.OnRetryEnd(waiter.end.turn, RetryOutcome::kUntold, &effects);
      }
    } else {
      return CancelResult::kLost;
    }
    closed = shard.closed();
    dispatcher_.Collect(&shard, shard.NextDue(), &effects);
    if (!effects.empty()) caller.emplace(*this);
  }
  FAILOVER_SYNC_POINT("cancel:after-lock");
  Finish(shard, &effects);
  if (closed) NoticeFreeSlot();
  return CancelResult::kWon;
}

void BufferCore::EndRetry(ShardBuffer& shard, Turn turn, RetryOutcome outcome) {
  Effects effects;
  bool closed = false;
  std::optional<Caller> caller;
  FAILOVER_SYNC_POINT("retry-end:before-lock");
  {
    const MutexLock lock(shard.mutex());
    shard.OnRetryEnd(turn, outcome, &effects);
    closed = shard.closed();
    dispatcher_.Collect(&shard, shard.NextDue(), &effects);
    if (!effects.empty()) caller.emplace(*this);
  }
  FAILOVER_SYNC_POINT("retry-end:after-lock");
  Finish(shard, &effects);
  if (closed) NoticeFreeSlot();
}

// A shutdown may be waiting for it.
void BufferCore::NoticeFreeSlot() {
  const MutexLock lock(lifecycle_mutex_);
  lifecycle_changed_.NotifyAll();
}

// ---- Shards -----------------------------------------------------------------------------------

absl::StatusOr<ShardBuffer*> BufferCore::ShardForRequest(std::string_view keyspace,
                                                         std::string_view shard,
                                                         const absl::Status& error) {
  if (ShardBuffer* const known = registry_.Find(keyspace, shard)) return known;
  if (!IsName(keyspace) || !IsName(shard)) return NameError(keyspace, shard);
  if (!error.ok() && !IsFailover(error)) return nullptr;
  try {
    return MakeKnown(keyspace, shard);
  } catch (const std::bad_alloc&) {
    return BufferError(BufferErrorReason::kBufferFull, keyspace, shard, kNoMemory, error.code(),
                       {error.message().data(), error.message().size()});
  }
}

ShardBuffer* BufferCore::ShardOrNull(std::string_view keyspace, std::string_view shard) {
  if (ShardBuffer* const known = registry_.Find(keyspace, shard)) return known;
  if (!IsName(keyspace) || !IsName(shard)) return nullptr;
  return MakeKnown(keyspace, shard);
}

ShardBuffer* BufferCore::MakeKnown(std::string_view keyspace, std::string_view shard) {
  // Names that come from clients must not make requests queue for the registry's mutex.
  ShardBuffer* known = nullptr;
  FAILOVER_SYNC_POINT("make-known:before-lock");
  if (!registry_.full()) {
    const bool disabled = keyspace_shards_.ModeOf(options_, keyspace, shard) == Mode::kDisabled;
    known = registry_.FindOrMake(
        keyspace, shard, disabled, [this](std::size_t count) { dispatcher_.ReserveTimers(count); },
        [this](std::string_view keyspace_name, std::string_view shard_name,
               StripedCounters* counters,
               std::size_t lane) { return MakeShard(keyspace_name, shard_name, counters, lane); });
  }
  if (known == nullptr && registry_.full()) {
    refused_shards_.fetch_add(1, std::memory_order_relaxed);
  }
  return known;
}

std::unique_ptr<ShardBuffer> BufferCore::MakeShard(std::string_view keyspace,
                                                   std::string_view shard,
                                                   StripedCounters* counters, std::size_t lane) {
  return std::make_unique<ShardBuffer>(shard_context_, keyspace, shard,
                                       keyspace_shards_.ModeOf(options_, keyspace, shard), counters,
                                       lane);
}

// ---- Feeds and commands -----------------------------------------------------------------------

void BufferCore::OnReport(const TabletStats& stats) {
  if (stats.target.tablet_type != TabletType::kPrimary) return;
  ShardBuffer* const shard = ShardOrNull(stats.target.keyspace, stats.target.shard);
  if (shard == nullptr) return;
  const Instant now = time_.Now();
  Effects effects;
  FAILOVER_SYNC_POINT("report:before-lock");
  {
    const MutexLock lock(shard->mutex());
    shard->OnReport(now, stats, &effects);
    dispatcher_.Collect(shard, shard->NextDue(), &effects);
  }
  FAILOVER_SYNC_POINT("report:after-lock");
  Finish(*shard, &effects);
}

void BufferCore::OnKeyspaceEvent(const KeyspaceEvent& event) {
  for (const ShardEvent& shard_event : event.shards) {
    const Target& target = shard_event.target;
    if (target.tablet_type != TabletType::kPrimary && target.tablet_type != TabletType::kUnknown) {
      continue;
    }
    ShardBuffer* const shard =
        ShardOrNull(event.keyspace.empty() ? target.keyspace : event.keyspace, target.shard);
    if (shard == nullptr) continue;
    const Instant now = time_.Now();
    Effects effects;
    FAILOVER_SYNC_POINT("event:before-lock");
    {
      const MutexLock lock(shard->mutex());
      shard->OnKeyspaceEvent(now, shard_event, event.move_tables_state, &effects);
      dispatcher_.Collect(shard, shard->NextDue(), &effects);
    }
    FAILOVER_SYNC_POINT("event:after-lock");
    Finish(*shard, &effects);
  }
}

bool BufferCore::StartBuffering(ShardBuffer& shard, std::string_view reason) {
  const Instant now = time_.Now();
  Effects effects;
  bool started = false;
  FAILOVER_SYNC_POINT("start-command:before-lock");
  {
    const MutexLock lock(shard.mutex());
    started = shard.OnStartCommand(now, &effects);
    dispatcher_.Collect(&shard, shard.NextDue(), &effects);
  }
  FAILOVER_SYNC_POINT("start-command:after-lock");
  Finish(shard, &effects, [reason] { return std::string(reason); });
  return started;
}

bool BufferCore::StopBuffering(ShardBuffer& shard) {
  const Instant now = time_.Now();
  Effects effects;
  bool stopped = false;
  FAILOVER_SYNC_POINT("stop-command:before-lock");
  {
    const MutexLock lock(shard.mutex());
    stopped = shard.OnStopCommand(now, &effects);
    dispatcher_.Collect(&shard, shard.NextDue(), &effects);
  }
  FAILOVER_SYNC_POINT("stop-command:after-lock");
  Finish(shard, &effects);
  return stopped;
}

BufferStats BufferCore::Stats() const {
  BufferStats stats;
  stats.size = static_cast<std::uint64_t>(pool_.size());
  stats.slots_free = static_cast<std::uint64_t>(pool_.free_slots());
  stats.bytes_held = pool_.bytes_held();
  stats.requests_skipped_too_many_shards = refused_shards_.load(std::memory_order_relaxed);
  ForEachShard([&stats](const ShardStats& shard) { stats.shards.push_back(shard); });
  return stats;
}

void BufferCore::ForEachShard(absl::FunctionRef<void(const ShardStats&)> visit) const {
  registry_.ForEach([&visit](ShardBuffer& shard) { visit(shard.Stats()); });
}

// ---- What follows a decision ------------------------------------------------------------------

void BufferCore::Finish(ShardBuffer& shard, Effects* effects) {
  Finish(shard, effects, [] { return std::string(); });
}

void BufferCore::Finish(ShardBuffer& shard, Effects* effects,
                        absl::FunctionRef<std::string()> make_cause) {
  while (!effects->threads.empty()) effects->threads.PopFront()->Complete();
  if (effects->wake_poller) WakePoller();
  if (!effects->has_log()) return;
  const Instant now = effects->drained ? time_.Now() : Instant();
  LogEffects(options_, shard, *effects, now, make_cause);
}

void BufferCore::WakePoller() noexcept {
  if (service_thread_ != nullptr) {
    service_thread_->Wake();
  } else if (options_.wakeup) {
    options_.wakeup();
  }
  dispatcher_.WakeupDone();
}

// ---- Poll -------------------------------------------------------------------------------------

absl::Duration BufferCore::Poll() {
  if (!manual()) return absl::InfiniteDuration();
  absl::Duration idle_for;
  bool last = false;
  {
    // The last callback may make another thread destroy the Buffer.
    const Caller caller(*this);
    idle_for = PollOnce();
    last = TakeOverLastRites();
  }
  if (last) LastRites();
  return idle_for;
}

absl::Duration BufferCore::PollOnce() {
  if (!dispatcher_.TryBeginPoll()) return absl::InfiniteDuration();
  RunDueTimers(time_.Now());
  dispatcher_.RunReady(kCallbacksPerPoll);
  SettleFirstTimer();
  FAILOVER_SYNC_POINT("poll:before-end");
  return dispatcher_.EndPoll(time_.Now());
}

void BufferCore::RunDueTimers(Instant now) {
  while (Timer* const timer = dispatcher_.FirstDue(now)) {
    ShardBuffer& shard = ShardOf(*timer);
    Effects effects;
    FAILOVER_SYNC_POINT("timer:before-lock");
    {
      const MutexLock lock(shard.mutex());
      shard.OnTimer(now, &effects);
      dispatcher_.Rearm(&shard, shard.NextDue());
      dispatcher_.Collect(&shard, shard.NextDue(), &effects);
    }
    FAILOVER_SYNC_POINT("timer:after-lock");
    Finish(shard, &effects);
  }
}

// Timers are left behind when what they were set for goes away earlier. The one that Poll's answer
// depends on must be right.
void BufferCore::SettleFirstTimer() {
  while (Timer* const timer = dispatcher_.FirstTimer()) {
    ShardBuffer& shard = ShardOf(*timer);
    const MutexLock lock(shard.mutex());
    const Instant due = shard.NextDue();
    if (due == shard.due) return;
    dispatcher_.Rearm(&shard, due);
  }
}

// ---- The end ----------------------------------------------------------------------------------

void BufferCore::Shutdown() {
  bool last = false;
  {
    // As in Poll: what is released here may make another thread destroy the Buffer.
    const Caller caller(*this);
    if (!ShutDownOnce()) return;
    FAILOVER_SYNC_POINT("shutdown:done");
    last = TakeOverLastRites();
  }
  if (last) LastRites();
}

bool BufferCore::ShutDownOnce() {
  bool begins = false;
  {
    const MutexLock lock(lifecycle_mutex_);
    begins = !std::exchange(shutdown_begun_, true);
  }
  if (begins) CloseShards();
  if (dispatcher_.InsideCallback()) return false;
  {
    const MutexLock lock(lifecycle_mutex_);
    while (!shards_closed_ || (finishing_ && !shut_down_))
      lifecycle_changed_.Wait(lifecycle_mutex_);
    if (std::exchange(finishing_, true)) return false;
  }
  FinishShutdown();
  return true;
}

void BufferCore::CloseShards() {
  registry_.Close();
  const Instant now = time_.Now();
  registry_.ForEach([this, now](ShardBuffer& shard) {
    Effects effects;
    FAILOVER_SYNC_POINT("close:before-lock");
    {
      const MutexLock lock(shard.mutex());
      shard.Close(now, &effects);
      dispatcher_.Collect(&shard, shard.NextDue(), &effects);
    }
    FAILOVER_SYNC_POINT("close:after-lock");
    Finish(shard, &effects);
  });
  const MutexLock lock(lifecycle_mutex_);
  shards_closed_ = true;
  lifecycle_changed_.NotifyAll();
}

void BufferCore::FinishShutdown() {
  if (service_thread_ != nullptr) {
    dispatcher_.WaitUntilIdle();
    FAILOVER_SYNC_POINT("shutdown:idle");
    WaitForRetries(options_.shutdown_grace.value_or(options_.window));
  } else {
    RunCallbacksHere();
  }
  FAILOVER_SYNC_POINT("shutdown:before-retire");
  RetireShards();
  if (service_thread_ != nullptr) service_thread_->Stop();
  dispatcher_.Close();
  const MutexLock lock(lifecycle_mutex_);
  shut_down_ = true;
  lifecycle_changed_.NotifyAll();
}

void BufferCore::RunCallbacksHere() {
  dispatcher_.BeginPoll();
  dispatcher_.RunReady(kNoLimit);
  dispatcher_.EndPoll(time_.Now());
}

void BufferCore::WaitForRetries(absl::Duration grace) {
  const auto deadline = SteadyDeadline(grace);
  const MutexLock lock(lifecycle_mutex_);
  // Slots are given back under a closed shard's mutex, and then this is signalled.
  while (pool_.free_slots() != pool_.size()) {
    if (!lifecycle_changed_.WaitUntil(lifecycle_mutex_, deadline)) return;
  }
}

void BufferCore::RetireShards() {
  registry_.ForEach([](ShardBuffer& shard) {
    const MutexLock lock(shard.mutex());
    shard.Retire();
  });
}

void BufferCore::Destroy() {
  Shutdown();
  if (dispatcher_.InsideCallback()) {
    Abandon();
    return;
  }
  WaitForCallers();
  Unref();
}

void BufferCore::WaitForCallers() {
  destroying_.store(true);
  const MutexLock lock(lifecycle_mutex_);
  while (callers_.load() > 0) lifecycle_changed_.Wait(lifecycle_mutex_);
}

void BufferCore::Abandon() {
  Log(LogLevel::kError,
      "a Buffer was destroyed inside one of its own callbacks; the rest of its callbacks run after "
      "this one");
  {
    const MutexLock lock(lifecycle_mutex_);
    abandoned_ = true;
  }
  if (service_thread_ != nullptr) service_thread_->Orphan([this] { LastRites(); });
}

// In kManual the thread that runs the callback, and so this, is the one that ends the rest.
bool BufferCore::TakeOverLastRites() {
  const MutexLock lock(lifecycle_mutex_);
  return service_thread_ == nullptr && std::exchange(abandoned_, false);
}

void BufferCore::LastRites() {
  RunCallbacksHere();
  RetireShards();
  dispatcher_.Close();
  WaitForCallers();
  Unref();
}

}  // namespace failover::internal

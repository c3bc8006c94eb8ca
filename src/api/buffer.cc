#include "failover/buffer.h"

#include <cassert>
#include <new>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/buffer_core.h"
#include "api/waiters.h"
#include "api/work.h"
#include "base/sync_point.h"
#include "failover/internal/buffer_access.h"
#include "run/inbox_core.h"
#include "shard/downcasts.h"
#include "shard/keyspace_shards.h"
#include "shard/shard_buffer.h"

namespace failover {
namespace {

// nullptr for the gate of an inert handle.
internal::ShardBuffer* Downcast(internal::ShardGate* gate) {
  return gate == nullptr ? nullptr : &internal::ShardOf(*gate);
}

internal::BufferCore& CoreOf(internal::ShardBuffer& shard) {
  return internal::BufferCore::Of(shard);
}

bool CancelWaiter(internal::CallbackWaiter& waiter) {
  if (waiter.HasLeft()) return waiter.place() == internal::Place::kLeft;
  switch (CoreOf(internal::ShardOf(waiter)).Cancel(waiter)) {
    case internal::CancelResult::kWon:
      waiter.Discard();
      return true;
    case internal::CancelResult::kWonBefore:
      // ~Inbox may have taken the waiter out on another thread, and not have destroyed the callback
      // yet, which the caller may count on.
      if (waiter.inbox != nullptr) waiter.inbox->WaitWhileDiscarded(&waiter);
      return true;
    case internal::CancelResult::kLost:
      return false;
  }
  return false;
}

}  // namespace

// The parameters of Create and BeginShutdown are values, so that a later version may keep them
// without a copy. NOLINTNEXTLINE(performance-unnecessary-value-param)
absl::StatusOr<std::unique_ptr<Buffer>> Buffer::Create(BufferOptions options) {
  if (absl::Status valid = options.Validate(); !valid.ok()) return valid;
  absl::StatusOr<internal::KeyspaceShards> shards =
      internal::KeyspaceShards::Parse(options.keyspace_shards);
  if (!shards.ok()) return shards.status();
  try {
    const auto destroy = [](internal::BufferCore* core) { core->Destroy(); };
    std::unique_ptr<internal::BufferCore, decltype(destroy)> core(
        new internal::BufferCore(options, *std::move(shards)), destroy);
    std::unique_ptr<Buffer> buffer(new Buffer(core.get()));
    static_cast<void>(core.release());
    return buffer;
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the service thread cannot be started: ", error.what()));
  }
}

Buffer::~Buffer() { core_->Destroy(); }

absl::StatusOr<RetryDoneFunc> Buffer::Wait(const RequestContext& context, Cancellation* stop,
                                           ShardHandle shard, const internal::AttemptView& last) {
  internal::ShardBuffer* const known = Downcast(shard.gate_);
  if (known == nullptr) {
    core_->NoteInertHandle();
    return RetryDoneFunc();
  }
  WorkToken work;
  if (context.work != Work::kUncounted && last.ok() && last.previous == nullptr &&
      known->work_count() != nullptr) {
    work = internal::EnterWork(*known, context.work);
    if (work) return RetryDoneFunc(std::move(work));
  }
  internal::BufferCore& core = CoreOf(*known);
  const std::optional<internal::RequestTraits> traits =
      core.TraitsToSubmit(*known, context, last, &work);
  if (!traits.has_value()) return RetryDoneFunc(std::move(work));
  return core.Wait(context, stop, *known, *traits, last);
}

absl::StatusOr<RetryDoneFunc> Buffer::WaitForFailoverEnd(const RequestContext& context,
                                                         std::string_view keyspace,
                                                         std::string_view shard,
                                                         const absl::Status& error) {
  const internal::AttemptView last(error);
  absl::StatusOr<internal::ShardBuffer*> known = core_->ShardForRequest(keyspace, shard, last);
  if (!known.ok()) return known.status();
  if (*known == nullptr) return RetryDoneFunc();
  return WaitForFailoverEnd(context, ShardHandle(*known), error);
}

absl::StatusOr<RetryDoneFunc> Buffer::WaitForFailoverEnd(const RequestContext& context,
                                                         std::string_view keyspace,
                                                         std::string_view shard, LastAttempt last) {
  absl::StatusOr<internal::ShardBuffer*> known =
      core_->ShardForRequest(keyspace, shard, last.view());
  if (!known.ok()) return known.status();
  if (*known == nullptr) return RetryDoneFunc();
  return WaitForFailoverEnd(context, ShardHandle(*known), std::move(last));
}

absl::StatusOr<BufferedRequest> Buffer::WaitAsync(const RequestContext& context, ShardHandle shard,
                                                  const internal::AttemptView& last,
                                                  WaitCallback&& callback) {
  BufferedRequest request;
  absl::Status status = WaitAsync(context, shard, last, std::move(callback), &request);
  if (!status.ok()) return status;
  return request;
}

absl::Status Buffer::WaitAsync(const RequestContext& context, ShardHandle shard,
                               const internal::AttemptView& last, WaitCallback&& callback,
                               BufferedRequest* request) {
  internal::ShardBuffer* const known = Downcast(shard.gate_);
  if (known != nullptr) {
    return CoreOf(*known).WaitAsync(context, *known, last, std::move(callback), request);
  }
  core_->NoteInertHandle();
  return absl::OkStatus();
}

absl::Status Buffer::WaitForFailoverEndAsync(RequestContext context, ShardHandle shard,
                                             LastAttempt last, WaitCallback callback,
                                             BufferedRequest* request) {
  assert(Owns(shard));
  if (request == nullptr) return absl::InvalidArgumentError("`request` must not be null");
  *request = BufferedRequest();
  if (context.work == Work::kUncounted && last.PassesIf(shard.Passes())) return absl::OkStatus();
  return WaitAsync(context, shard, last.view(), std::move(callback), request);
}

absl::StatusOr<BufferedRequest> Buffer::WaitForFailoverEndAsync(RequestContext context,
                                                                std::string_view keyspace,
                                                                std::string_view shard,
                                                                const absl::Status& error,
                                                                WaitCallback callback) {
  const internal::AttemptView last(error);
  absl::StatusOr<internal::ShardBuffer*> known = core_->ShardForRequest(keyspace, shard, last);
  if (!known.ok()) return known.status();
  if (*known == nullptr) return BufferedRequest();
  return WaitForFailoverEndAsync(context, ShardHandle(*known), error, std::move(callback));
}

absl::StatusOr<BufferedRequest> Buffer::WaitForFailoverEndAsync(RequestContext context,
                                                                std::string_view keyspace,
                                                                std::string_view shard,
                                                                LastAttempt last,
                                                                WaitCallback callback) {
  absl::StatusOr<internal::ShardBuffer*> known =
      core_->ShardForRequest(keyspace, shard, last.view());
  if (!known.ok()) return known.status();
  if (*known == nullptr) return BufferedRequest();
  return WaitForFailoverEndAsync(context, ShardHandle(*known), std::move(last),
                                 std::move(callback));
}

void Buffer::NoteRefused(ShardHandle shard, std::string_view why) {
  assert(Owns(shard));
  if (internal::ShardBuffer* const known = Downcast(shard.gate_)) {
    CoreOf(*known).NoteRefused(*known, why);
  }
}

void Buffer::StatsUpdate(const TabletStats& stats) { core_->OnReport(stats); }

void Buffer::HandleKeyspaceEvent(const KeyspaceEvent& event) { core_->OnKeyspaceEvent(event); }

bool Buffer::Owns(ShardHandle shard) const {
  return shard.gate_ == nullptr || &Downcast(shard.gate_)->owner() == core_;
}

bool Buffer::StartBuffering(ShardHandle shard, std::string_view reason) {
  assert(Owns(shard));
  internal::ShardBuffer* const known = Downcast(shard.gate_);
  return known != nullptr && CoreOf(*known).StartBuffering(*known, reason);
}

bool Buffer::StopBuffering(ShardHandle shard) {
  assert(Owns(shard));
  internal::ShardBuffer* const known = Downcast(shard.gate_);
  return known != nullptr && CoreOf(*known).StopBuffering(*known);
}

ShardHandle Buffer::GetShard(std::string_view keyspace, std::string_view shard) {
  return ShardHandle(core_->ShardOrNull(keyspace, shard));
}

bool Buffer::IsFailover(const absl::Status& error) const { return core_->IsFailover(error); }

BufferStats Buffer::Stats() const { return core_->Stats(); }

std::optional<ShardStats> Buffer::GetShardStats(std::string_view keyspace,
                                                std::string_view shard) const {
  internal::ShardBuffer* const known = core_->FindShard(keyspace, shard);
  if (known == nullptr) return std::nullopt;
  return core_->StatsOf(*known);
}

void Buffer::ForEachShard(absl::FunctionRef<void(const ShardStats&)> visit) const {
  core_->ForEachShard(visit);
}

absl::Time Buffer::Now() const { return core_->ClockTime(); }

void Buffer::Shutdown() { core_->Shutdown(); }

// NOLINTNEXTLINE(performance-unnecessary-value-param)
void Buffer::BeginShutdown(std::function<void()> done) { core_->BeginShutdown(done); }

absl::Duration Buffer::Poll() { return core_->Poll(); }

RetryDoneFunc& RetryDoneFunc::operator=(RetryDoneFunc&& other) noexcept {
  if (this == &other) return *this;
  (*this)();
  work_ = std::move(other.work_);
  ticket_ = std::exchange(other.ticket_, std::nullopt);
  buffered_ = std::exchange(other.buffered_, false);
  released_by_ = std::exchange(other.released_by_, kOwnWindow);
  return *this;
}

void RetryDoneFunc::End(Attempt outcome) {
  const internal::Ticket ticket = *std::exchange(ticket_, std::nullopt);
  internal::BufferCore& core = CoreOf(*ticket.shard);
  core.EndRetry(ticket, outcome);
  core.Unref();
}

void RetryDoneFunc::End(const absl::Status& outcome) {
  End(CoreOf(*ticket_->shard).AttemptOfLateCall(outcome));
}

namespace {

// How OpaqueRetry::words[1] says of a token that has ended whether the request was held, and why it
// was released.
constexpr std::uint64_t kWasHeld = 1;
constexpr int kReasonShift = 8;

}  // namespace

OpaqueRetry RetryDoneFunc::Release() {
  OpaqueRetry opaque;
  if (ticket_.has_value() || work_) {
    opaque.words[0] = reinterpret_cast<std::uintptr_t>(new RetryDoneFunc(std::move(*this)));
    return opaque;
  }
  if (std::exchange(buffered_, false)) opaque.words[1] = kWasHeld;
  const auto reason = static_cast<std::uint8_t>(std::exchange(released_by_, kOwnWindow));
  if (opaque.words[1] != 0) opaque.words[1] |= std::uint64_t{reason} << kReasonShift;
  return opaque;
}

RetryDoneFunc RetryDoneFunc::Adopt(const OpaqueRetry& opaque) noexcept {
  const std::unique_ptr<RetryDoneFunc> engaged(
      reinterpret_cast<RetryDoneFunc*>(static_cast<std::uintptr_t>(opaque.words[0])));
  if (engaged != nullptr) return std::move(*engaged);
  RetryDoneFunc token;
  if (opaque.words[1] == 0) return token;
  token.buffered_ = true;
  token.released_by_ = static_cast<std::int8_t>(opaque.words[1] >> kReasonShift);
  return token;
}

BufferedRequest& BufferedRequest::operator=(BufferedRequest&& other) noexcept {
  // The callback that the old handle cancels may own *this. So *this is not touched afterwards.
  const BufferedRequest old(std::exchange(waiter_, std::exchange(other.waiter_, nullptr)),
                            std::exchange(work_, std::exchange(other.work_, WorkToken())));
  return *this;
}

bool BufferedRequest::Cancel() { return waiter_ != nullptr && CancelWaiter(*waiter_); }

void BufferedRequest::CancelAndWait() {
  // If the callback owns *this, then *this is gone as soon as the callback is destroyed.
  internal::CallbackWaiter* const waiter = std::exchange(waiter_, nullptr);
  if (!CancelWaiter(*waiter) && !waiter->HasLeft()) {
    FAILOVER_SYNC_POINT("handle:before-wait");
    CoreOf(internal::ShardOf(*waiter)).WaitWhileRunning(*waiter);
  }
  waiter->Unref();
}

bool BufferedRequest::CancelAndComplete() {
  if (waiter_ == nullptr) return false;
  // If the callback owns *this, then *this is gone as soon as another thread has run the callback.
  internal::CallbackWaiter* const waiter = std::exchange(waiter_, nullptr);
  const bool cancelled =
      !waiter->HasLeft() && CoreOf(internal::ShardOf(*waiter)).CancelAndComplete(*waiter);
  waiter->Unref();
  return cancelled;
}

void BufferedRequest::Detach() {
  if (waiter_ != nullptr) std::exchange(waiter_, nullptr)->Unref();
}

namespace internal {

RetryDoneFunc BufferAccess::MakeRetryDone(const Waiter& waiter) {
  ShardBuffer& shard = ShardOf(waiter);
  RetryDoneFunc done;
  shard.owner().Ref();
  done.ticket_ = shard.TicketOf(waiter);
  if (waiter.stripe != kNoStripe) {
    // The work may be taken out of the token, and then it may outlive the Buffer alone.
    shard.owner().Ref();
    done.work_ = WorkOf(waiter, /*owns=*/true);
  }
  done.buffered_ = true;
  if (waiter.end.released_by.has_value()) {
    done.released_by_ = static_cast<std::int8_t>(*waiter.end.released_by);
  }
  return done;
}

BufferAccess::Result BufferAccess::Submit(const RequestContext& context, Cancellation* stop,
                                          const AttemptView& last, Waiter* waiter,
                                          CancelHooks** hooks, absl::Status* refusal) {
  *hooks = nullptr;
  if (waiter->gate == nullptr) return Result::kPassed;
  ShardBuffer& shard = ShardOf(*waiter);
  BufferCore& core = CoreOf(shard);
  WorkToken work;
  const std::optional<RequestTraits> traits = core.TraitsToSubmit(shard, context, last, &work);
  if (!traits.has_value()) {
    waiter->traits.work = context.work;
    waiter->stripe = Unpack(std::move(work)).stripe;
    return Result::kPassed;
  }
  waiter->inbox = BufferCore::CoreOf(context.inbox);
  if (context.cancellation != nullptr || stop != nullptr) {
    *hooks = new (std::nothrow) CancelHooks(context.cancellation, stop, core, *waiter);
    if (*hooks == nullptr) {
      if (BufferCore::PassesUnheld(shard, context.work, waiter)) return Result::kPassed;
      *refusal = core.RefusalError(shard, context, Refusal::kNoMemory, last);
      return Result::kRefused;
    }
  }
  const Decision decision = core.Submit(context, *traits, last, stop, waiter);
  if (decision.kind == Decision::Kind::kHeld) return Result::kHeld;
  EndHooks(std::exchange(*hooks, nullptr));
  if (decision.kind == Decision::Kind::kPass) return Result::kPassed;
  *refusal = core.RefusalError(shard, context, decision.refusal, last);
  return Result::kRefused;
}

void BufferAccess::DeleteHooks(CancelHooks* hooks) noexcept { delete hooks; }

absl::StatusOr<RetryDoneFunc> BufferAccess::ResultOf(const Waiter& waiter,
                                                     const absl::Status& error) {
  return internal::ResultOf(waiter, error.code(), {error.message().data(), error.message().size()});
}

void BufferAccess::Cancel(Waiter& waiter) {
  // ~Inbox has cancelled the waiter, and then its Buffer may be gone. Both calls are made on the
  // thread of the inbox, so this thread sees the place.
  if (waiter.place() == Place::kLeft) return;
  CoreOf(ShardOf(waiter)).Cancel(waiter);
}

Attempt BufferAccess::AttemptOf(const Buffer& buffer, const absl::Status& status) {
  return buffer.core_->AttemptOf(status);
}

Instant BufferAccess::Now(const Buffer& buffer) { return buffer.core_->Now(); }

}  // namespace internal
}  // namespace failover

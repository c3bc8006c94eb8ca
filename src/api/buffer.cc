#include "failover/buffer.h"

#include <cassert>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/buffer_core.h"
#include "api/waiters.h"
#include "base/sync_point.h"
#include "failover/internal/buffer_access.h"
#include "shard/downcasts.h"
#include "shard/keyspace_shards.h"
#include "shard/shard_buffer.h"

namespace failover {
namespace {

// nullptr for the gate of an inert handle.
internal::ShardBuffer* Downcast(internal::ShardGate* gate) {
  return gate == nullptr ? nullptr : &internal::ShardOf(*gate);
}

internal::BufferCore& CoreOf(internal::RefCounted& owner) {
  assert(dynamic_cast<internal::BufferCore*>(&owner) != nullptr);
  return static_cast<internal::BufferCore&>(owner);
}

// The Buffer that the handle is of, whichever it is given to.
internal::BufferCore& CoreOf(internal::ShardBuffer& shard) { return CoreOf(shard.owner()); }

bool CancelWaiter(internal::CallbackWaiter& waiter) {
  if (waiter.HasLeft()) return waiter.place() == internal::Place::kLeft;
  switch (CoreOf(internal::ShardOf(waiter)).Cancel(waiter)) {
    case internal::CancelResult::kWon:
      waiter.Discard();
      return true;
    case internal::CancelResult::kWonBefore:
      return true;
    case internal::CancelResult::kLost:
      return false;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Buffer>> Buffer::Create(BufferOptions options) {
  if (absl::Status valid = options.Validate(); !valid.ok()) return valid;
  absl::StatusOr<internal::KeyspaceShards> shards =
      internal::KeyspaceShards::Parse(options.keyspace_shards);
  if (!shards.ok()) return shards.status();
  try {
    const auto destroy = [](internal::BufferCore* core) { core->Destroy(); };
    std::unique_ptr<internal::BufferCore, decltype(destroy)> core(
        new internal::BufferCore(std::move(options), *std::move(shards)), destroy);
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
                                           ShardHandle shard, const absl::Status& error) {
  internal::ShardBuffer* const known = Downcast(shard.gate_);
  if (known == nullptr) return RetryDoneFunc();
  return CoreOf(*known).Wait(context, stop, *known, error);
}

absl::StatusOr<RetryDoneFunc> Buffer::WaitForFailoverEnd(const RequestContext& context,
                                                         std::string_view keyspace,
                                                         std::string_view shard,
                                                         const absl::Status& error) {
  absl::StatusOr<internal::ShardBuffer*> known = core_->ShardForRequest(keyspace, shard, error);
  if (!known.ok()) return known.status();
  return WaitForFailoverEnd(context, ShardHandle(*known), error);
}

absl::StatusOr<BufferedRequest> Buffer::WaitAsync(const RequestContext& context, ShardHandle shard,
                                                  const absl::Status& error,
                                                  WaitCallback&& callback) {
  internal::ShardBuffer* const known = Downcast(shard.gate_);
  if (known == nullptr) return BufferedRequest();
  return CoreOf(*known).WaitAsync(context, *known, error, std::move(callback));
}

absl::StatusOr<BufferedRequest> Buffer::WaitForFailoverEndAsync(RequestContext context,
                                                                std::string_view keyspace,
                                                                std::string_view shard,
                                                                const absl::Status& error,
                                                                WaitCallback callback) {
  absl::StatusOr<internal::ShardBuffer*> known = core_->ShardForRequest(keyspace, shard, error);
  if (!known.ok()) return known.status();
  return WaitForFailoverEndAsync(context, ShardHandle(*known), error, std::move(callback));
}

void Buffer::StatsUpdate(const TabletStats& stats) { core_->OnReport(stats); }

void Buffer::HandleKeyspaceEvent(const KeyspaceEvent& event) { core_->OnKeyspaceEvent(event); }

bool Buffer::StartBuffering(ShardHandle shard, std::string_view reason) {
  internal::ShardBuffer* const known = Downcast(shard.gate_);
  return known != nullptr && CoreOf(*known).StartBuffering(*known, reason);
}

bool Buffer::StopBuffering(ShardHandle shard) {
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
  return known->Stats();
}

void Buffer::ForEachShard(absl::FunctionRef<void(const ShardStats&)> visit) const {
  core_->ForEachShard(visit);
}

void Buffer::Shutdown() { core_->Shutdown(); }

absl::Duration Buffer::Poll() { return core_->Poll(); }

RetryDoneFunc& RetryDoneFunc::operator=(RetryDoneFunc&& other) noexcept {
  if (this == &other) return *this;
  (*this)();
  shard_ = std::exchange(other.shard_, nullptr);
  buffered_ = std::exchange(other.buffered_, false);
  in_drain_ = std::exchange(other.in_drain_, false);
  released_by_ = std::exchange(other.released_by_, kOwnWindow);
  return *this;
}

void RetryDoneFunc::End(const absl::Status* outcome) {
  internal::RetryOutcome told = internal::RetryOutcome::kUntold;
  if (outcome != nullptr) {
    told = outcome->ok() ? internal::RetryOutcome::kSucceeded : internal::RetryOutcome::kFailed;
  }
  internal::ShardBuffer& shard = *std::exchange(shard_, nullptr);
  internal::BufferCore& core = CoreOf(shard);
  const internal::Turn turn = in_drain_ ? internal::Turn::kOfDrain : internal::Turn::kBesideDrain;
  core.EndRetry(shard, turn, told);
  core.Unref();
}

BufferedRequest& BufferedRequest::operator=(BufferedRequest&& other) noexcept {
  // As in CancelAndWait: *this may be gone with what it held.
  const BufferedRequest old(std::exchange(waiter_, std::exchange(other.waiter_, nullptr)));
  return *this;
}

bool BufferedRequest::Cancel() { return waiter_ != nullptr && CancelWaiter(*waiter_); }

void BufferedRequest::CancelAndWait() {
  // If the callback owns *this, *this is gone as soon as the callback is.
  internal::CallbackWaiter* const waiter = std::exchange(waiter_, nullptr);
  if (!CancelWaiter(*waiter) && !waiter->HasLeft()) {
    FAILOVER_SYNC_POINT("handle:before-wait");
    CoreOf(internal::ShardOf(*waiter)).WaitWhileRunning(*waiter);
  }
  waiter->Unref();
}

void BufferedRequest::Detach() {
  if (waiter_ != nullptr) std::exchange(waiter_, nullptr)->Unref();
}

namespace internal {

RetryDoneFunc MakeRetryDone(ShardBuffer& shard, const WaitEnd& end) {
  RetryDoneFunc done;
  shard.owner().Ref();
  done.shard_ = &shard;
  done.buffered_ = true;
  done.in_drain_ = end.turn == Turn::kOfDrain;
  if (end.released_by.has_value()) {
    done.released_by_ = static_cast<std::int8_t>(*end.released_by);
  }
  return done;
}

BufferAccess::Result BufferAccess::Submit(absl::Duration timeout, const absl::Status& error,
                                          Waiter* waiter, absl::Status* refusal) {
  if (waiter->gate == nullptr) return Result::kPassed;
  ShardBuffer& shard = ShardOf(*waiter);
  BufferCore& core = CoreOf(shard);
  if (!core.MustSubmit(shard, error)) return Result::kPassed;
  const RequestContext context{timeout, nullptr, waiter->bytes};
  const Decision decision = core.Submit(context, error, false, waiter);
  switch (decision.kind) {
    case Decision::Kind::kHeld:
      return Result::kHeld;
    case Decision::Kind::kPass:
      return Result::kPassed;
    case Decision::Kind::kRefused:
      break;
  }
  *refusal = core.RefusalError(shard, context, decision.refusal, error);
  return Result::kRefused;
}

absl::StatusOr<RetryDoneFunc> BufferAccess::ResultOf(const Waiter& waiter,
                                                     const absl::Status& error) {
  return internal::ResultOf(ShardOf(waiter), waiter.end, error.code(),
                            {error.message().data(), error.message().size()});
}

void BufferAccess::Cancel(Waiter& waiter) { CoreOf(ShardOf(waiter)).Cancel(waiter); }

Instant BufferAccess::Now(const Buffer& buffer) { return buffer.core_->Now(); }

}  // namespace internal
}  // namespace failover

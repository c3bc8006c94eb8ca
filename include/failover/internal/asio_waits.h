// Not part of the API. What failover/asio.h and failover/boost_asio.h have in common. Nothing here
// names an Asio: each of the two headers brings a class with what differs between them.
#ifndef FAILOVER_INTERNAL_ASIO_WAITS_H_
#define FAILOVER_INTERNAL_ASIO_WAITS_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "failover/internal/buffer_access.h"
#include "failover/last_attempt.h"
#include "failover/request_context.h"

namespace failover::internal {

using WaitResult = absl::StatusOr<RetryDoneFunc>;

// A LastAttempt that owns all that a LastAttempt refers to. A completion token may start the wait
// long after the call that made the wait (use_awaitable and deferred do).
class OwnedAttempt {
 public:
  explicit OwnedAttempt(LastAttempt last) {
    const AttemptView view = last.view();
    if (view.error != nullptr) error_ = *view.error;
    attempt_ = view.attempt;
    why_.assign(view.why.data(), view.why.size());
    has_previous_ = view.previous != nullptr;
    if (has_previous_) previous_ = std::move(*view.previous);
  }

  // As LastAttempt::PassesIf(true).
  bool MayPass() const {
    return !has_previous_ && error_.ok() &&
           (attempt_ == Attempt::kNone || attempt_ == Attempt::kSucceeded);
  }

  // Refers to *this, and takes the token out of *this.
  LastAttempt Take() {
    LastAttempt last = error_.ok() ? LastAttempt(attempt_, why_) : LastAttempt(error_);
    if (has_previous_) last = std::move(last).After(std::move(previous_));
    return last;
  }

 private:
  absl::Status error_;
  Attempt attempt_ = Attempt::kNone;
  std::string why_;
  bool has_previous_ = false;
  RetryDoneFunc previous_;
};

// One wait, with the handler that is still to be called.
class AsioWait {
 public:
  AsioWait() = default;
  AsioWait(const AsioWait&) = delete;
  AsioWait& operator=(const AsioWait&) = delete;
  virtual ~AsioWait() = default;

  // Posts the handler to its executor. Called once at most.
  virtual void Complete(WaitResult result) = 0;

  // Empty until the Buffer has said that the request is held, and after a cancel.
  BufferedRequest request;
};

// The waits whose handlers belong to one execution context. The context's service owns *this, and
// so do the callbacks in the Buffer, which may come after the context is gone.
//
// A wait leaves the table once, and the function that takes the wait out ends it. The callback and
// the initiating function call the handler, and Close destroys the handler. Thread-safe. No lock is
// held while anything foreign runs, handlers and executors and the Buffer included.
class AsioWaits {
 public:
  // Names a wait for good. A cancellation slot may keep the name long after the wait has ended.
  using Id = std::uint64_t;

  Id NewId() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return ++last_id_;
  }

  // Destroys the wait if the context is being destroyed, and then returns false.
  bool Add(Id id, std::unique_ptr<AsioWait> wait) {
    const std::lock_guard<std::mutex> lock(mutex_);
    // The caller destroys a wait that stays in the argument, after the lock has been released.
    if (!closed_) waits_.emplace(id, std::move(wait));
    return !closed_;
  }

  // The request of the wait is held.
  void Keep(Id id, BufferedRequest request) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto found = waits_.find(id);
      if (found != waits_.end()) {
        found->second->request = std::move(request);
        return;
      }
    }
    // The callback has come already.
    request.Detach();
  }

  // Posts the handler. Does nothing if the context is gone, or is being destroyed.
  void End(Id id, WaitResult result) noexcept {
    std::unique_ptr<AsioWait> wait;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto found = waits_.find(id);
      if (found == waits_.end()) return;
      wait = std::move(found->second);
      waits_.erase(found);
      ++ending_;
    }
    // The callback that the handle stands for is running now, or never will.
    wait->request.Detach();
    wait->Complete(std::move(result));
    // What the wait counts as work of the context ends before Close returns.
    wait.reset();
    const std::lock_guard<std::mutex> lock(mutex_);
    --ending_;
    if (closed_) none_ending_.notify_all();
  }

  // Ends the wait with kCancelled, unless it has ended.
  void Cancel(Id id) {
    BufferedRequest request;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto found = waits_.find(id);
      if (found == waits_.end()) return;
      request = std::move(found->second->request);
    }
    request.CancelAndComplete();
  }

  // The context is being destroyed: cancels what is held, and destroys the handlers. When Close
  // returns, nothing uses the context any more.
  void Close() {
    std::unordered_map<Id, std::unique_ptr<AsioWait>> left;
    std::unique_lock<std::mutex> lock(mutex_);
    closed_ = true;
    left.swap(waits_);
    none_ending_.wait(lock, [this] { return ending_ == 0; });
    lock.unlock();
    // The waits in `left` end here. The end of a handle may wait for a callback, which finds
    // nothing in the table and returns.
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_ending_;
  // The rest is guarded by mutex_.
  std::unordered_map<Id, std::unique_ptr<AsioWait>> waits_;
  Id last_id_ = 0;
  // How many threads are inside End with a wait that they took out.
  std::size_t ending_ = 0;
  bool closed_ = false;
};

// Ties the waits to the life of an execution context.
template <class Asio>
class AsioService final : public Asio::Context::service {
 public:
  // Asio prescribes this name. NOLINTNEXTLINE(readability-identifier-naming)
  static inline typename Asio::Context::id id;

  explicit AsioService(typename Asio::Context& context) : Asio::Context::service(context) {}
  // A service that came while the context was being shut down is destroyed without a shutdown.
  ~AsioService() override { waits_->Close(); }

  const std::shared_ptr<AsioWaits>& waits() const { return waits_; }

 private:
  // A context shuts down its services in the reverse order of their making. So the scheduler, to
  // which handlers are posted, is still there.
  void shutdown() noexcept override { waits_->Close(); }

  const std::shared_ptr<AsioWaits> waits_ = std::make_shared<AsioWaits>();
};

// What is posted. If the context is destroyed first, the token in `result` ends the retry.
template <class Handler>
struct AsioCompletion {
  void operator()() { std::move(handler)(std::move(result)); }

  Handler handler;
  WaitResult result;
};

template <class Asio, class Executor, class Handler>
void PostCompletion(const Executor& executor, Handler&& handler, WaitResult result) {
  Asio::Post(executor, AsioCompletion<std::decay_t<Handler>>{std::forward<Handler>(handler),
                                                             std::move(result)});
}

template <class Asio, class Executor, class Handler>
class AsioHandlerWait final : public AsioWait {
 public:
  template <class H>
  AsioHandlerWait(const Executor& executor, H&& handler)
      : work_(executor), handler_(std::forward<H>(handler)) {}

  void Complete(WaitResult result) override {
    PostCompletion<Asio>(work_.get_executor(), std::move(handler_), std::move(result));
  }

 private:
  // Keeps the context running while nothing else does.
  typename Asio::template Work<Executor> work_;
  Handler handler_;
};

// Starts a wait, with the handler that a completion token has become.
template <class Asio>
struct StartAsioWait {
  template <class Handler>
  void operator()(Handler&& handler, RequestContext context, ShardHandle shard,
                  OwnedAttempt&& owned) const {
    const auto executor = Asio::ExecutorOf(handler);
    if (owned.MayPass() && BufferAccess::Passes(shard, context.work, Attempt::kNone)) {
      PostCompletion<Asio>(executor, std::forward<Handler>(handler), RetryDoneFunc());
      return;
    }
    using Wait = AsioHandlerWait<Asio, std::decay_t<decltype(executor)>, std::decay_t<Handler>>;
    const std::shared_ptr<AsioWaits> waits =
        Asio::template ServiceOf<AsioService<Asio>>(Asio::ContextOf(executor)).waits();
    const AsioWaits::Id id = waits->NewId();
    // What may throw comes before the wait is in the table.
    WaitCallback on_end = [waits, id](WaitResult result) { waits->End(id, std::move(result)); };
    // As soon as the Buffer has the request, another thread may run the handler, and the handler
    // may use its slot for another operation. So the slot is filled before.
    Asio::OnCancel(handler, [waits, id] { waits->Cancel(id); });
    if (!waits->Add(id, std::make_unique<Wait>(executor, std::forward<Handler>(handler)))) return;
    context.inbox = nullptr;
    absl::StatusOr<BufferedRequest> held =
        buffer->WaitForFailoverEndAsync(context, shard, owned.Take(), std::move(on_end));
    if (!held.ok()) {
      waits->End(id, held.status());
    } else if (*held) {
      waits->Keep(id, *std::move(held));
    } else {
      waits->End(id, held->TakeToken());
    }
  }

  Buffer* buffer;
};

}  // namespace failover::internal

#endif  // FAILOVER_INTERNAL_ASIO_WAITS_H_

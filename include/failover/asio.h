// The wait as an asynchronous operation of standalone Asio. failover/boost_asio.h has the same for
// Boost.Asio; a program may use both.
//
//   // In a coroutine:
//   absl::StatusOr<failover::RetryDoneFunc> done =
//       co_await failover::async_wait_for_failover_end(*buffer, context, shard, error,
//                                                      asio::use_awaitable);
//   // With a callback, which needs an executor:
//   failover::async_wait_for_failover_end(
//       *buffer, context, shard, error,
//       asio::bind_executor(loop, [](absl::StatusOr<failover::RetryDoneFunc> done) { ... }));
//
// Needs Asio 1.18 or later; before 1.19 there are no cancellation slots. The library itself needs
// no Asio: a program that includes this header brings its own.
#ifndef FAILOVER_ASIO_H_
#define FAILOVER_ASIO_H_

// The standard library comes first. Asio looks for std::aligned_alloc among what was included
// before, and must find it in all files of a program or in none.
// clang-format off
#include <utility>
// clang-format on

#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/query.hpp>
#include <asio/version.hpp>
#if ASIO_VERSION >= 101900
#include <asio/associated_cancellation_slot.hpp>
#include <asio/cancellation_type.hpp>
#endif

#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "failover/internal/asio_waits.h"
#include "failover/last_attempt.h"
#include "failover/request_context.h"

namespace failover {

namespace internal {

// What failover/internal/asio_waits.h needs of standalone Asio.
struct StandaloneAsio {
  using Context = ::asio::execution_context;
  template <class Executor>
  using Work = ::asio::executor_work_guard<Executor>;

  template <class Handler>
  static auto ExecutorOf(const Handler& handler) {
    return ::asio::get_associated_executor(handler);
  }
  template <class Executor>
  static Context& ContextOf(const Executor& executor) {
    // The executor of use_future has no such property before Asio 1.23.
    if constexpr (::asio::can_query<Executor, ::asio::execution::context_t>::value) {
      return ::asio::query(executor, ::asio::execution::context);
    } else {
      return executor.context();
    }
  }
  template <class Service>
  static Service& ServiceOf(Context& context) {
    return ::asio::use_service<Service>(context);
  }
  template <class Executor, class Function>
  static void Post(const Executor& executor, Function&& function) {
    ::asio::post(executor, std::forward<Function>(function));
  }
  template <class Handler, class Cancel>
  static void OnCancel([[maybe_unused]] const Handler& handler, [[maybe_unused]] Cancel cancel) {
#if ASIO_VERSION >= 101900
    auto slot = ::asio::get_associated_cancellation_slot(handler);
    if (!slot.is_connected()) return;
    slot.assign([cancel = std::move(cancel)](::asio::cancellation_type type) {
      if (type != ::asio::cancellation_type::none) cancel();
    });
#endif
  }
};

}  // namespace internal

// A file that includes failover/boost_asio.h, too, names the namespace in its calls.
inline namespace standalone_asio {

// Waits as Buffer::WaitForFailoverEnd does, without blocking. The completion signature is
// void(absl::StatusOr<RetryDoneFunc>), and the results are those of WaitForFailoverEnd. `shard`
// must be a handle of `buffer`. Unlike the other waits, this one copies the Status or the text of
// `last`, because some tokens start the operation later. A token of a retry that `last` brings back
// ends untold if the operation is never started.
//
// Handler: called once, through its associated executor, as if by asio::post: never inside this
// call, also if the request is not held. A handler without an executor of its own runs on Asio's
// system_executor, that is on a thread of its pool, so bind one. While the request is held, it
// counts as work of the executor's context, so asio::io_context::run does not return.
// RequestContext::inbox is ignored.
//
// Cancellation: each type (terminal, partial, total) ends the wait with kCancelled, and so does
// RequestContext::cancellation. A cancel that comes too late changes nothing. The handler comes
// where it always comes, after the Buffer's polling thread (kManual: Buffer::Poll) has handed it
// over. As with every operation of Asio, the signal may be emitted only where the handler may run.
//
// Lifetime: the Buffer must live until the operation has been started. If the Buffer is shut down
// or destroyed later, the handler gets the right to retry. If the execution context is destroyed,
// the request is cancelled, its slot is free, and the handler is destroyed without being called;
// that may wait for a thread which hands a handler over at this moment. A RetryDoneFunc that never
// reaches a handler ends its retry.
//
// Memory: a request that is not held costs no more allocations than asio::post, unless its work is
// counted. May throw std::bad_alloc. If memory runs out when a held request's handler is to be
// posted, the program ends (std::terminate). The allocator that is associated with the handler is
// not used.
template <class CompletionToken>
auto async_wait_for_failover_end(  // NOLINT(readability-identifier-naming): as Asio's names
    Buffer& buffer, const RequestContext& context, ShardHandle shard, LastAttempt last,
    CompletionToken&& token) {
  return ::asio::async_initiate<CompletionToken, void(absl::StatusOr<RetryDoneFunc>)>(
      internal::StartAsioWait<internal::StandaloneAsio>{&buffer}, token, context, shard,
      internal::OwnedAttempt(std::move(last)));
}

}  // namespace standalone_asio
}  // namespace failover

#endif  // FAILOVER_ASIO_H_

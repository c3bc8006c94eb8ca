// The wait as an asynchronous operation of Boost.Asio. failover/asio.h has the same for standalone
// Asio; a program may use both.
//
//   // In a coroutine:
//   absl::StatusOr<failover::RetryDoneFunc> done =
//       co_await failover::async_wait_for_failover_end(*buffer, context, shard, error,
//                                                      boost::asio::use_awaitable);
//
// Needs Boost 1.74 or later; before 1.77 there are no cancellation slots. The library itself needs
// no Boost: a program that includes this header brings its own.
#ifndef FAILOVER_BOOST_ASIO_H_
#define FAILOVER_BOOST_ASIO_H_

// The standard library comes first. Asio looks for std::aligned_alloc among what was included
// before, and must find it in all files of a program or in none.
// clang-format off
#include <utility>
// clang-format on

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/version.hpp>
#if BOOST_ASIO_VERSION >= 101900
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#endif

#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "failover/internal/asio_waits.h"
#include "failover/last_attempt.h"
#include "failover/request_context.h"

namespace failover {

namespace internal {

// What failover/internal/asio_waits.h needs of Boost.Asio.
struct BoostAsio {
  using Context = ::boost::asio::execution_context;
  template <class Executor>
  using Work = ::boost::asio::executor_work_guard<Executor>;

  template <class Handler>
  static auto ExecutorOf(const Handler& handler) {
    return ::boost::asio::get_associated_executor(handler);
  }
  template <class Executor>
  static Context& ContextOf(const Executor& executor) {
    // The executor of use_future has no such property before Asio 1.23.
    if constexpr (::boost::asio::can_query<Executor, ::boost::asio::execution::context_t>::value) {
      return ::boost::asio::query(executor, ::boost::asio::execution::context);
    } else {
      return executor.context();
    }
  }
  template <class Service>
  static Service& ServiceOf(Context& context) {
    return ::boost::asio::use_service<Service>(context);
  }
  template <class Executor, class Function>
  static void Post(const Executor& executor, Function&& function) {
    ::boost::asio::post(executor, std::forward<Function>(function));
  }
  template <class Handler, class Cancel>
  static void OnCancel([[maybe_unused]] const Handler& handler, [[maybe_unused]] Cancel cancel) {
#if BOOST_ASIO_VERSION >= 101900
    auto slot = ::boost::asio::get_associated_cancellation_slot(handler);
    if (!slot.is_connected()) return;
    slot.assign([cancel = std::move(cancel)](::boost::asio::cancellation_type type) {
      if (type != ::boost::asio::cancellation_type::none) cancel();
    });
#endif
  }
};

}  // namespace internal

// A file that includes failover/asio.h, too, names the namespace in its calls.
inline namespace boost_asio {

// As the function of the same name in failover/asio.h, whose comment has all rules, with the types
// of Boost.Asio in place of those of standalone Asio.
template <class CompletionToken>
auto async_wait_for_failover_end(  // NOLINT(readability-identifier-naming): as Asio's names
    Buffer& buffer, const RequestContext& context, ShardHandle shard, LastAttempt last,
    CompletionToken&& token) {
  return ::boost::asio::async_initiate<CompletionToken, void(absl::StatusOr<RetryDoneFunc>)>(
      internal::StartAsioWait<internal::BoostAsio>{&buffer}, token, context, shard,
      internal::OwnedAttempt(std::move(last)));
}

}  // namespace boost_asio
}  // namespace failover

#endif  // FAILOVER_BOOST_ASIO_H_

// What the tests of the two Asios share. Each test runs with standalone Asio and with Boost.Asio.
#ifndef FAILOVER_TESTS_UNIT_ASIO_BOTH_ASIOS_H_
#define FAILOVER_TESTS_UNIT_ASIO_BOTH_ASIOS_H_

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/use_future.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "failover/asio.h"
#include "failover/boost_asio.h"

namespace failover::test {

using Result = absl::StatusOr<RetryDoneFunc>;

// The names of the two Asios that the tests use.
struct Standalone {
  using IoContext = ::asio::io_context;
  using Executor = IoContext::executor_type;
  using Strand = ::asio::strand<Executor>;
  using WorkGuard = ::asio::executor_work_guard<Executor>;
  using Signal = ::asio::cancellation_signal;
  using CancellationType = ::asio::cancellation_type;
  static constexpr auto kUseFuture = ::asio::use_future;

  template <class Token>
  static auto Wait(Buffer& buffer, const RequestContext& context, ShardHandle shard,
                   LastAttempt last, Token&& token) {
    return standalone_asio::async_wait_for_failover_end(buffer, context, shard, std::move(last),
                                                        std::forward<Token>(token));
  }
  template <class OnExecutor, class Handler>
  static auto Bind(const OnExecutor& executor, Handler&& handler) {
    return ::asio::bind_executor(executor, std::forward<Handler>(handler));
  }
  template <class Handler>
  static auto BindSlot(Signal& signal, Handler&& handler) {
    return ::asio::bind_cancellation_slot(signal.slot(), std::forward<Handler>(handler));
  }
  template <class OnExecutor, class Function>
  static void Post(const OnExecutor& executor, Function&& function) {
    ::asio::post(executor, std::forward<Function>(function));
  }
};

struct Boost {
  using IoContext = ::boost::asio::io_context;
  using Executor = IoContext::executor_type;
  using Strand = ::boost::asio::strand<Executor>;
  using WorkGuard = ::boost::asio::executor_work_guard<Executor>;
  using Signal = ::boost::asio::cancellation_signal;
  using CancellationType = ::boost::asio::cancellation_type;
  static constexpr auto kUseFuture = ::boost::asio::use_future;

  template <class Token>
  static auto Wait(Buffer& buffer, const RequestContext& context, ShardHandle shard,
                   LastAttempt last, Token&& token) {
    return boost_asio::async_wait_for_failover_end(buffer, context, shard, std::move(last),
                                                   std::forward<Token>(token));
  }
  template <class OnExecutor, class Handler>
  static auto Bind(const OnExecutor& executor, Handler&& handler) {
    return ::boost::asio::bind_executor(executor, std::forward<Handler>(handler));
  }
  template <class Handler>
  static auto BindSlot(Signal& signal, Handler&& handler) {
    return ::boost::asio::bind_cancellation_slot(signal.slot(), std::forward<Handler>(handler));
  }
  template <class OnExecutor, class Function>
  static void Post(const OnExecutor& executor, Function&& function) {
    ::boost::asio::post(executor, std::forward<Function>(function));
  }
};

using BothAsios = ::testing::Types<Standalone, Boost>;

struct AsioName {
  template <class Net>
  static std::string GetName(int /*index*/) {
    return std::is_same_v<Net, Standalone> ? "Standalone" : "Boost";
  }
};

// What became of a handler.
struct Answer {
  int calls = 0;
  bool destroyed = false;
  std::optional<Result> result;

  bool released() const { return calls == 1 && result->ok() && **result; }
  bool passed() const { return calls == 1 && result->ok() && !**result; }
  std::optional<BufferErrorReason> reason() const {
    return calls == 1 ? ReasonOf(result->status()) : std::nullopt;
  }
};

// A handler that can be moved only, and notes its call and its end in an Answer, which must live
// longer.
class NotingHandler {
 public:
  explicit NotingHandler(Answer& answer) : answer_(&answer) {}

  void operator()(Result result) {
    ++answer_->calls;
    answer_->result.emplace(std::move(result));
  }

 private:
  struct NoteEnd {
    void operator()(Answer* answer) const { answer->destroyed = true; }
  };
  std::unique_ptr<Answer, NoteEnd> answer_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_UNIT_ASIO_BOTH_ASIOS_H_

// Asio's types, bound to the executor of an event loop: a call through them costs less than through
// Asio's type-erased defaults.
//
// Everything that belongs to a connection lives on one event loop with one thread, so that nothing
// of it needs a lock.
#ifndef FAILOVER_PROXY_CORE_ASIO_TYPES_H_
#define FAILOVER_PROXY_CORE_ASIO_TYPES_H_

#include <asio/awaitable.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>

namespace proxy {

using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

// A coroutine on an event loop.
template <typename T = void>
using Task = asio::awaitable<T, Executor>;

// The completion token that makes an asynchronous operation awaitable. The operation does not
// throw; its error goes to `error`, which must live until the operation has ended.
inline auto ErrorTo(std::error_code& error) {
  return asio::redirect_error(asio::use_awaitable_t<Executor>(), error);
}

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_ASIO_TYPES_H_

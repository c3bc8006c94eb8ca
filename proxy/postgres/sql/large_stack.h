// Runs what needs more stack than a thread of the proxy has.
#ifndef FAILOVER_PROXY_POSTGRES_SQL_LARGE_STACK_H_
#define FAILOVER_PROXY_POSTGRES_SQL_LARGE_STACK_H_

#include <cstddef>
#include <functional>

namespace postgres_proxy {

// Calls `function` on a thread that has `size` bytes of stack at least, and waits for its end. The
// memory that the function does not touch costs nothing. Does nothing if the system gives no such
// thread. Thread-safe.
void RunOnLargeStack(std::size_t size, const std::function<void()>& function);

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SQL_LARGE_STACK_H_

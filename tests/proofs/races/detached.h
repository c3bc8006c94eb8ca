// A coroutine that nobody waits for. It begins at once, and its frame is destroyed when it ends.
#ifndef FAILOVER_TESTS_PROOFS_RACES_DETACHED_H_
#define FAILOVER_TESTS_PROOFS_RACES_DETACHED_H_

#include <coroutine>
#include <exception>

namespace failover::test {

struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_RACES_DETACHED_H_

// Tests use this coroutine type when they have to destroy a coroutine.
#ifndef FAILOVER_TESTS_SUPPORT_TASK_H_
#define FAILOVER_TESTS_SUPPORT_TASK_H_

#include <coroutine>
#include <exception>
#include <utility>

namespace failover::test {

// A Task is a coroutine that starts at once. Whoever holds the Task may destroy the coroutine
// whenever it is suspended or at its end.
class Task {
 public:
  struct promise_type {
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };

  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  bool done() const { return coroutine_.done(); }

 private:
  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_TASK_H_

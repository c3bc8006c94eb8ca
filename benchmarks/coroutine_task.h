// The smallest type of a coroutine, and the floor for a coroutine that waits in a list.
#ifndef FAILOVER_BENCHMARKS_COROUTINE_TASK_H_
#define FAILOVER_BENCHMARKS_COROUTINE_TASK_H_

#include <coroutine>
#include <cstddef>
#include <exception>

namespace failover::benchmarks {

// A coroutine that runs at once up to its first wait, and frees its frame when it ends.
struct FireAndForget {
  struct promise_type {
    FireAndForget get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

// A list of suspended coroutines. The links of the list are in the frames of the coroutines.
class FloorCoroutineQueue {
 public:
  struct Awaiter {
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      coroutine = handle;
      previous = queue.tail_;
      (queue.tail_ != nullptr ? queue.tail_->next : queue.head_) = this;
      queue.tail_ = this;
    }
    void await_resume() const {}

    FloorCoroutineQueue& queue;
    std::coroutine_handle<> coroutine{};
    Awaiter* previous = nullptr;
    Awaiter* next = nullptr;
  };

  bool empty() const { return head_ == nullptr; }
  Awaiter Wait() { return Awaiter{*this}; }

  void ResumeFront() {
    Awaiter* const first = head_;
    head_ = first->next;
    (head_ != nullptr ? head_->previous : tail_) = nullptr;
    first->coroutine.resume();
  }

 private:
  Awaiter* head_ = nullptr;
  Awaiter* tail_ = nullptr;
};

inline FireAndForget FloorCoroutine(FloorCoroutineQueue& queue, std::size_t number,
                                    std::size_t* returned) {
  co_await queue.Wait();
  *returned += number + 1 != 0;
}

}  // namespace failover::benchmarks

#endif  // FAILOVER_BENCHMARKS_COROUTINE_TASK_H_

// A router with coroutines. Only declared: nothing runs a snippet.
#ifndef FAILOVER_TESTS_SNIPPETS_COROUTINE_H_
#define FAILOVER_TESTS_SNIPPETS_COROUTINE_H_

#include <coroutine>

#include "failover/coroutine.h"
#include "names.h"

struct Task {
  struct promise_type {
    Task get_return_object();
    std::suspend_never initial_suspend() noexcept;
    std::suspend_never final_suspend() noexcept;
    void return_value(absl::Status result);
    void unhandled_exception();
  };
  bool await_ready();
  void await_suspend(std::coroutine_handle<> waiting);
  absl::Status await_resume();
};

struct Query {};
extern const Query query;
Task Execute(const Query& query);

using SnippetResult = Task;

#endif  // FAILOVER_TESTS_SNIPPETS_COROUTINE_H_

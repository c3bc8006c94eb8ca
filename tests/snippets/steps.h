// A query of a router with one event loop.
#ifndef FAILOVER_TESTS_SNIPPETS_STEPS_H_
#define FAILOVER_TESTS_SNIPPETS_STEPS_H_

#include "names.h"

// The query of the snippet is a type of a function, so it has no name here.
struct Client {
  bool IsGone() const;
  template <typename Query>
  void Send(Query* query) {
    query->OnAnswer(absl::OkStatus());
  }
  template <typename Query>
  void Finish(Query* /*query*/, const absl::Status& /*result*/) {}
  template <typename Query>
  void Forget(Query* /*query*/) {}
};

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_STEPS_H_

// A proxy that passes bytes through, and waits before it connects.
#ifndef FAILOVER_TESTS_SNIPPETS_GATE_H_
#define FAILOVER_TESTS_SNIPPETS_GATE_H_

#include "names.h"

struct Client {
  void Close(const absl::Status& status);
  void Connect(failover::RetryDoneFunc done);

  failover::BufferedRequest held;
};
#define SNIPPET_PARAMETERS Client* client

using SnippetResult = void;

#endif  // FAILOVER_TESTS_SNIPPETS_GATE_H_

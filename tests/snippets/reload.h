// A router that has read its configuration anew.
#ifndef FAILOVER_TESTS_SNIPPETS_RELOAD_H_
#define FAILOVER_TESTS_SNIPPETS_RELOAD_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "names.h"

struct MyConfig {
  std::int64_t size;
  std::string shards;
};
#define SNIPPET_PARAMETERS const MyConfig& config

using SnippetResult = absl::Status;

#endif  // FAILOVER_TESTS_SNIPPETS_RELOAD_H_

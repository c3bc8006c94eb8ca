// The names that the snippets of the guide take as known.
#ifndef FAILOVER_TESTS_SNIPPETS_NAMES_H_
#define FAILOVER_TESTS_SNIPPETS_NAMES_H_

#include <memory>
#include <string>
#include <utility>

#include "failover/buffer.h"

extern const std::unique_ptr<failover::Buffer> buffer;
extern failover::BufferOptions options;
extern const failover::RequestContext context;
extern const failover::ShardHandle shard;
extern const absl::Status error;

#endif  // FAILOVER_TESTS_SNIPPETS_NAMES_H_

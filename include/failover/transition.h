// What BufferOptions::on_transition is told.
#ifndef FAILOVER_TRANSITION_H_
#define FAILOVER_TRANSITION_H_

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"
#include "failover/handles.h"
#include "failover/stats.h"

namespace failover {

// A change of the state of one shard. The texts belong to the Buffer and live as long as it does.
struct Transition {
  ShardHandle shard;
  std::string_view keyspace = {};
  std::string_view shard_name = {};
  State from = State::kIdle;
  State to = State::kIdle;
  // Why, in a few words for people: "a request failed because of a failover", "NewPrimarySeen".
  std::string_view why = {};
  // How many requests the shard held after the change.
  std::uint64_t held = 0;
  // ShardHandle::epoch after the change.
  std::uint64_t epoch = 0;
  // When, on the Buffer's clock.
  absl::Time when = absl::InfinitePast();
};

}  // namespace failover

#endif  // FAILOVER_TRANSITION_H_

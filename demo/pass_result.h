// All that is known about one pass of the demonstration, with or without the Buffer.
//
// Times are since the pass began.
#ifndef FAILOVER_DEMO_PASS_RESULT_H_
#define FAILOVER_DEMO_PASS_RESULT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "audit.h"
#include "database.h"
#include "failover/stats.h"
#include "request_record.h"

namespace failover_demo {

// A failover, as the clients live through it.
struct Incident {
  absl::Duration begin;
  // The last moment at which a statement may have been under way on the old primary. A crash only.
  absl::Duration gone;
  // The router knows the new primary.
  absl::Duration over;
};

// How many requests the Buffer held, from `at` on.
struct HeldSample {
  absl::Duration at;
  std::uint64_t held = 0;
};

struct PassResult {
  bool buffered = false;
  absl::Duration duration;
  Incident switchover;
  Incident crash;
  std::vector<ClientRecord> clients;
  std::vector<HeldSample> held;
  failover::ShardStats buffer;
  AuditResult audit;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_PASS_RESULT_H_

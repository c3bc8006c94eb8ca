// A PassResult is all that is known about one pass of the demonstration, with or without the
// Buffer.
//
// All times count from the beginning of the pass.
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

// An Incident is one failover as the clients live through it.
struct Incident {
  absl::Duration begin;
  // At `gone` no statement can be under way on the old primary any more. The field is set only for
  // a crash.
  absl::Duration gone;
  // At `over` the router knows the new primary.
  absl::Duration over;
};

// The Buffer held `held` requests from the time `at` on.
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

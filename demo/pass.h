// One pass of the demonstration: a cluster under load, a planned switchover, a crash, an audit.
#ifndef FAILOVER_DEMO_PASS_H_
#define FAILOVER_DEMO_PASS_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cluster.h"
#include "pass_result.h"

namespace failover_demo {

struct PassOptions {
  int clients = 32;
  double requests_per_second = 1500;

  // How long the load runs before the switchover, before the crash, and after the promotion.
  absl::Duration before = absl::Seconds(4);
  absl::Duration between = absl::Seconds(12);
  absl::Duration after = absl::Seconds(4);
  // How long a failover tool takes to notice the crash.
  absl::Duration detection = absl::Seconds(1);
  // BufferOptions::window. `between` must be longer than twice as much, or the Buffer takes the
  // crash for a failover that comes too soon after the last one.
  absl::Duration window = absl::Seconds(5);
};

absl::StatusOr<PassResult> RunPass(const PassOptions& options, bool buffered,
                                   const ClusterFactory& start_cluster);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_PASS_H_

// One pass of the demonstration runs a cluster under load, with a planned switchover, a crash, and
// an audit at the end.
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

  // These tell how long the load runs before the switchover, between the switchover and the crash,
  // and after the promotion.
  absl::Duration before = absl::Seconds(4);
  absl::Duration between = absl::Seconds(12);
  absl::Duration after = absl::Seconds(4);
  // A failover tool needs this time to notice the crash. The demonstration waits that long.
  absl::Duration detection = absl::Seconds(1);
  // The window becomes BufferOptions::window. `between` must be longer than two windows: otherwise
  // the crash comes too soon after the switchover, and the Buffer does not hold requests for it.
  absl::Duration window = absl::Seconds(5);
};

absl::StatusOr<PassResult> RunPass(const PassOptions& options, bool buffered,
                                   const ClusterFactory& start_cluster);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_PASS_H_

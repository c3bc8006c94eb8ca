// The monitor watches a pass: it shows progress, and it samples how many requests are held.
#ifndef FAILOVER_DEMO_MONITOR_H_
#define FAILOVER_DEMO_MONITOR_H_

#include <cstdint>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "pass_result.h"
#include "workload.h"

namespace failover_demo {

// A Monitor runs one thread from its constructor to Stop or to its destructor.
class Monitor {
 public:
  // The caller owns `buffer` and `workload`, which must outlive this object.
  Monitor(const failover::Buffer& buffer, const Workload& workload, absl::Time start);
  ~Monitor();

  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Ends the thread. Returns the samples in order, one for each change of the number of held
  // requests.
  std::vector<HeldSample> Stop();

 private:
  void Run();
  void Sample(absl::Duration now);
  void ShowProgress(absl::Duration now);

  const failover::Buffer& buffer_;
  const Workload& workload_;
  const absl::Time start_;

  std::vector<HeldSample> held_{HeldSample()};
  absl::Duration shown_at_;
  std::int64_t shown_answered_ = 0;

  absl::Notification stop_;
  std::thread thread_;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_MONITOR_H_

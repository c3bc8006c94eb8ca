// The workload is made by the clients. Each client inserts rows of its own, one by one, and reads
// back what was acknowledged.
#ifndef FAILOVER_DEMO_WORKLOAD_H_
#define FAILOVER_DEMO_WORKLOAD_H_

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "request_record.h"
#include "router.h"

namespace failover_demo {

// A Workload runs one thread per client, from its constructor to Stop or to its destructor.
class Workload {
 public:
  // Together the clients make `requests_per_second`, if the servers are fast enough. Recorded times
  // count from `start`. The caller owns the router, which must outlive this object.
  Workload(Router& router, int clients, double requests_per_second, absl::Time start);
  ~Workload();

  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  // These count the requests so far, to show progress.
  std::int64_t answered() const { return answered_.load(std::memory_order_relaxed); }
  std::int64_t errors() const { return errors_.load(std::memory_order_relaxed); }

  // Waits for the requests under way, and returns the records of all clients.
  std::vector<ClientRecord> Stop();

 private:
  void RunClient(int client);
  // Finishes the record of a request that has ended with `status`.
  void Note(const absl::Status& status, const Session& session, RequestRecord request,
            ClientRecord& record);

  Router& router_;
  const absl::Time start_;
  const absl::Duration period_;  // This is the time between two requests of one client.

  absl::Notification stop_;
  std::atomic<std::int64_t> answered_{0};
  std::atomic<std::int64_t> errors_{0};
  std::vector<ClientRecord> records_;  // Each record belongs to the thread of its client alone.
  std::vector<std::thread> threads_;
};

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_WORKLOAD_H_

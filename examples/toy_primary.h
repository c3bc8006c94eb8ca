// A class that stands in for a database in the examples: a primary that refuses writes during a
// failover. Thread-safe.
#ifndef FAILOVER_EXAMPLES_TOY_PRIMARY_H_
#define FAILOVER_EXAMPLES_TOY_PRIMARY_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "failover/errors.h"
#include "failover/health_check.h"

class ToyPrimary {
 public:
  absl::Status Execute() {
    if (writable_) return absl::OkStatus();
    // The database refused the statement, so the statement was certainly not executed. Mark no
    // other errors.
    return failover::MarkCausedByFailover(absl::UnavailableError("the server is read-only"));
  }

  void BeginSwitchover() { writable_ = false; }
  void EndSwitchover() {
    writable_ = true;
    ++term_;
  }

  // Returns what a health check would report.
  failover::TabletStats Report() const {
    failover::TabletStats stats;
    stats.alias = {"zone1", 100};
    stats.target = {"commerce", "-80", failover::TabletType::kPrimary};
    stats.up = true;
    stats.serving = writable_;
    stats.tablet_externally_reparented_timestamp = term_;
    return stats;
  }

 private:
  std::atomic<bool> writable_{true};
  std::atomic<std::int64_t> term_{1};
};

#endif  // FAILOVER_EXAMPLES_TOY_PRIMARY_H_

// The coverage counts how often the simulation reached each thing that can happen to a request. A
// test uses it to check that the simulation reached every one of them.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_COVERAGE_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_COVERAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "failover/stats.h"

namespace failover::simulation {

// The structure is plain data, because one process hands it to another.
struct Coverage {
  std::uint64_t starts = 0;
  std::array<std::uint64_t, kStopReasons> stops{};
  std::uint64_t held = 0;
  std::uint64_t drained = 0;
  std::uint64_t counted_in_dry_run = 0;
  std::array<std::uint64_t, kEvictedReasons> evicted{};
  std::array<std::uint64_t, kSkippedReasons> skipped{};
  std::uint64_t retries_succeeded = 0;
  std::uint64_t retries_failed = 0;
  std::uint64_t retries_overdue = 0;
  std::uint64_t held_again = 0;
  std::uint64_t slipped_past = 0;
  std::uint64_t reports_late = 0;
  std::uint64_t too_many_shards = 0;
  // The statistics of a Buffer do not tell these counts.
  std::uint64_t held_callbacks = 0;
  std::uint64_t held_threads = 0;
  std::uint64_t held_coroutines = 0;
  std::uint64_t calls_in_callbacks = 0;
  std::uint64_t switchovers = 0;
  std::uint64_t committed = 0;
  std::uint64_t quiet = 0;
  std::uint64_t begun_shutdowns = 0;
  std::uint64_t reconfigured = 0;
  std::uint64_t reconfigured_while_holding = 0;
  // Steps after which the Budget had no free slot, and after which a drain asks for a turn again.
  std::uint64_t budget_full = 0;
  std::uint64_t asks_for_a_turn = 0;
  // These requests were cancelled after their release and before their callback ran.
  std::uint64_t cancelled_after_release = 0;

  void Add(const BufferStats& stats);
  void Add(const Coverage& other);
  std::vector<std::pair<std::string, std::uint64_t>> Named() const;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_COVERAGE_H_

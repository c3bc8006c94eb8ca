// What must hold whatever the options are and whatever happens, checked on nothing but what a user
// of the Buffer sees. It does not ask the model, so an error of the model cannot hide one of the
// Buffer.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_INVARIANTS_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_INVARIANTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "failover/stats.h"
#include "model.h"
#include "steps.h"

namespace failover::simulation {

class Invariants {
 public:
  // `fail` gets what was violated.
  Invariants(const Config& config, std::function<void(std::string)> fail);

  // A request is held.
  void Held(const Step& request, absl::Time now);
  // Its wait ended. Blocking calls that are released together return in any order.
  void Ended(std::uint32_t id, const Ending& ending, absl::Time now);
  void CancelWon(std::uint32_t id);
  void RetryEnded(std::uint32_t id);
  // Poll has run everything that was due.
  void Polled(absl::Time now);
  void ShutdownBegins();
  void ShutdownReturned();
  // After a step that was about these shards alone (nullptr: about any).
  void Check(const BufferStats& stats, const std::set<std::size_t>* names);

 private:
  enum class Phase : std::uint8_t { kHeld, kCancelled, kRetrying, kOver };
  struct Request {
    Step step;
    Phase phase = Phase::kHeld;
    absl::Time window_end;
    absl::Time deadline;
    bool in_drain = false;
  };

  void CheckOrder(const Request& request, const Ending& ending);
  void CheckDrain(std::size_t name);
  void CheckLaws(const BufferStats& stats);
  void CheckOthers(const BufferStats& stats, const std::set<std::size_t>& names);
  void CheckGrowth(const ShardStats& before, const ShardStats& now);

  const Config config_;
  const std::function<void(std::string)> fail_;
  std::map<std::uint32_t, Request> requests_;
  // By shard: how many were held so far; by request: the how-manieth of its shard it is.
  std::map<std::size_t, std::uint64_t> arrivals_;
  std::map<std::uint32_t, std::uint64_t> arrival_;
  // By shard: the latest that was let go with the right to retry, and by an eviction.
  std::map<std::size_t, std::uint64_t> latest_released_;
  std::map<std::size_t, std::uint64_t> latest_evicted_;
  std::optional<BufferStats> before_;
  bool shutdown_began_ = false;
  bool shutdown_returned_ = false;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_INVARIANTS_H_

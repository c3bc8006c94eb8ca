// The invariants must hold whatever the options are and whatever happens. They are checked only on
// what a user of the Buffer sees. They do not ask the model, so an error of the model cannot hide
// an error of the Buffer.
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
  // `fail` is called with a description of what was violated.
  Invariants(const Config& config, std::function<void(std::string)> fail);

  // The driver calls this function when the Buffer holds the request. `again` means that the
  // request has the place of request.previous. Otherwise `window` is the window of the request.
  void Held(const Step& request, bool again, absl::Time now, absl::Duration window);
  // The driver calls this function when the wait of the request ended. Blocking calls that are
  // released together may return in any order.
  void Ended(std::uint32_t id, const Ending& ending, absl::Time now);
  void CancelWon(std::uint32_t id);
  void RetryEnded(std::uint32_t id);
  // The driver calls this function when Poll has run everything that was due.
  void Polled(absl::Time now);
  // The Buffer has other options. What it has held before keeps to the options of before.
  void Reconfigured(const Config& next);
  void ShutdownBegins();
  void ShutdownReturned();
  // Checks the statistics after a step that was about the shards `names` alone. nullptr means that
  // the step may have been about any shard.
  void Check(const BufferStats& stats, const std::set<std::size_t>* names, absl::Time now);

 private:
  enum class Phase : std::uint8_t { kHeld, kCancelled, kRetrying, kOver };
  struct Request {
    Step step;
    Phase phase = Phase::kHeld;
    absl::Time window_end;
    absl::Time deadline;
    bool in_drain = false;
    absl::Time let_go_at;
    std::uint64_t polls = 0;  // how many Polls had ended when the request was held
  };

  void CheckOrder(const Request& request, const Ending& ending, absl::Time now);
  void CheckDrains(const BufferStats& stats, absl::Time now);
  void ForgetDrain(std::size_t name);
  void CheckDrain(std::size_t name, absl::Time now);
  void CheckLaws(const BufferStats& stats);
  void CheckOthers(const BufferStats& stats, const std::set<std::size_t>& names);
  // How many slots the shard had at the check before.
  std::uint64_t SlotsBefore(const ShardStats& shard) const;
  void CheckGrowth(const ShardStats& before, const ShardStats& now);

  Config config_;
  const std::function<void(std::string)> fail_;
  std::map<std::uint32_t, Request> requests_;
  // arrivals_ counts by shard how many requests were held so far. arrival_ says for each request
  // which number it got in its shard.
  std::map<std::size_t, std::uint64_t> arrivals_;
  std::map<std::uint32_t, std::uint64_t> arrival_;
  std::uint64_t polls_ = 0;
  absl::Time polled_at_ = absl::InfinitePast();
  // By shard: how many holds had begun, and how many Polls had ended when the last one was seen.
  std::map<std::size_t, std::uint64_t> starts_;
  std::map<std::size_t, std::uint64_t> began_;
  std::optional<BufferStats> before_;
  // The options have changed since then, maybe after more was held.
  bool limits_changed_ = false;
  // How many Polls had ended when the options last changed.
  std::optional<std::uint64_t> changed_;
  bool shutdown_began_ = false;
  bool shutdown_returned_ = false;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_INVARIANTS_H_

// A shard in the middle of a failover: requests of all kinds, and everything that can be done to
// them. Two of these operations at a time make a race.
#ifndef FAILOVER_TESTS_RACES_SCENE_H_
#define FAILOVER_TESTS_RACES_SCENE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>

#include "event_loop.h"
#include "failover/buffer.h"
#include "failover/testing/simulated_clock.h"
#include "racing_request.h"
#include "sync_points.h"

namespace failover::test {

// What the shard is doing when the race begins.
enum class Phase { kBuffering, kDraining };

class Scene {
 public:
  explicit Scene(Phase phase);
  // Ends what is left, and checks that nothing was lost, doubled or stranded.
  ~Scene();

  // The operations. Each may be called by any thread, and twice.
  void Submit();
  void Cancel() { second_.Cancel(); }
  void CancelBlocked() { cancellation_.Cancel(); }
  void FireTimers();
  void ReportNewPrimary();
  void EndRetry();
  void EndKeyspaceEvent();
  void Start();
  void Stop();
  void Shutdown();
  void DestroyHandle() { third_.DestroyHandle(); }

 private:
  void SubmitBlocked();
  void EndRetries();
  void ExpectLaws();
  int ends() const;

  SimulatedClock clock_;
  EventLoop loop_{clock_};
  Cancellation cancellation_;
  std::unique_ptr<Buffer> buffer_;
  ShardHandle shard_;

  // The first was released before the race begins, and its retry is under way.
  RacingRequest first_;
  std::atomic<bool> first_ended_{false};
  RacingRequest second_;
  RacingRequest third_;
  // One for each Submit.
  std::array<RacingRequest, 2> late_;
  std::atomic<std::size_t> late_submitted_{0};
  std::atomic<int> coroutine_ends_{0};
  std::optional<Step> blocked_;

  std::atomic<bool> shut_down_{false};
  std::atomic<int> ends_after_shutdown_{0};
  std::atomic<int> wakes_after_shutdown_{0};
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_RACES_SCENE_H_

// A shard in the middle of a failover, or just before one, with requests of all kinds. The
// operations are everything that can be done to the shard. Two of them at the same time make a
// race.
#ifndef FAILOVER_TESTS_PROOFS_RACES_SCENE_H_
#define FAILOVER_TESTS_PROOFS_RACES_SCENE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "event_loop.h"
#include "failover/buffer.h"
#include "failover/testing/simulated_clock.h"
#include "racing_request.h"
#include "sync_points.h"

namespace failover::test {

// What the shard is doing when the race begins.
enum class Phase {
  kIdle,       // the shard has not held a request yet
  kBuffering,  // the shard holds requests; the window of the first has released it, and it retries
  kReleased,   // the failover has ended and all requests are released, but nobody has polled since
  kDraining,   // the first request retries, and the others are held until their turn comes
};

class Scene {
 public:
  explicit Scene(Phase phase);
  // Ends the requests that are left, and checks that each request ended exactly once.
  ~Scene();

  // The operations. Any thread may call them, each of them twice.
  void Submit();
  void SubmitWithoutFailure();
  void SubmitToNewShard();
  // Makes a blocking call on a thread of its own. Returns when the call has ended or is blocked.
  void Wait();
  void Await();
  void Cancel() { second_.Cancel(); }
  void CancelBlocked() { cancellation_.Cancel(); }
  void DestroyHandle() { third_.DestroyHandle(); }
  void DetachHandle() { fourth_.Detach(); }
  void CompleteHandle() { fourth_.CancelAndComplete(); }
  void CancelAndDestroyHandle() { fifth_.CancelAndDestroyHandle(); }
  void FireTimers();
  void ReportNewPrimary();
  // Reports the primary as not serving, and then as serving.
  void ReportPrimaryDownAndBack();
  void EndRetry();
  void EndKeyspaceEvent();
  void ServingKeyspaceEvent();
  // The event names this shard and a new one.
  void MoveTablesEvent();
  void Start();
  void Stop();
  void GetNewShard();
  // This shard stops to buffer, the new shard buffers, and windows get shorter.
  void Reconfigure();
  void Scrape();
  void BeginShutdown();
  void Shutdown();

 private:
  void SubmitAll();
  void Block(std::optional<Step>* blocked);
  void EndRetries();
  void ExpectLaws();
  int ends() const;

  SimulatedClock clock_;
  EventLoop loop_{clock_};
  Cancellation cancellation_;
  std::unique_ptr<Buffer> buffer_;
  ShardHandle shard_;

  // Unless the shard is idle, the first request was released before the race begins, and its retry
  // is under way.
  RacingRequest first_;
  std::atomic<bool> first_ended_{false};
  RacingRequest second_;
  RacingRequest third_;
  RacingRequest fourth_;
  RacingRequest fifth_;
  // One request for each of the two operations, if they submit one.
  std::array<RacingRequest, 2> late_;
  std::atomic<std::size_t> late_submitted_{0};
  std::atomic<int> coroutines_{0};
  std::atomic<int> coroutine_ends_{0};
  // The ends of those coroutines that were held.
  std::atomic<int> coroutine_outcomes_{0};
  std::optional<Step> blocked_;
  std::array<std::optional<Step>, 2> late_blocked_;
  std::atomic<std::size_t> late_blocked_count_{0};

  std::atomic<std::uint32_t> primary_{1};
  std::array<ShardHandle, 2> made_;
  std::atomic<std::size_t> made_count_{0};

  std::atomic<int> shutdowns_begun_{0};
  std::atomic<int> shutdowns_over_{0};
  std::atomic<bool> shut_down_{false};
  std::atomic<int> ends_after_shutdown_{0};
  std::atomic<int> wakes_after_shutdown_{0};
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_RACES_SCENE_H_

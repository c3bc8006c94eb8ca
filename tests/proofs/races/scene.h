// A shard in the middle of a failover, or just before one: requests of all kinds, and everything
// that can be done to them. Two of these operations at a time make a race.
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
  kIdle,       // nothing: no request was held yet
  kBuffering,  // it holds requests; one that its window released retries
  kReleased,   // the failover has ended and all are let go, but nobody has polled since
  kDraining,   // the first retries, the others are held until it is their turn
};

class Scene {
 public:
  explicit Scene(Phase phase);
  // Ends what is left, and checks that nothing was lost, doubled or stranded.
  ~Scene();

  // The operations. Each may be called by any thread, and twice.
  void Submit();
  void SubmitWithoutFailure();
  void SubmitToNewShard();
  // Returns when the call has ended or is blocked, on a thread of its own.
  void Wait();
  void Await();
  void Cancel() { second_.Cancel(); }
  void CancelBlocked() { cancellation_.Cancel(); }
  void DestroyHandle() { third_.DestroyHandle(); }
  void DetachHandle() { fourth_.Detach(); }
  void CancelAndDestroyHandle() { fifth_.CancelAndDestroyHandle(); }
  void FireTimers();
  void ReportNewPrimary();
  // Not serving, and then serving.
  void ReportPrimaryDownAndBack();
  void EndRetry();
  void EndKeyspaceEvent();
  void ServingKeyspaceEvent();
  // Of this shard and of a new one.
  void MoveTablesEvent();
  void Start();
  void Stop();
  void GetNewShard();
  void Scrape();
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

  // Unless the shard is idle, the first was released before the race begins, and its retry is under
  // way.
  RacingRequest first_;
  std::atomic<bool> first_ended_{false};
  RacingRequest second_;
  RacingRequest third_;
  RacingRequest fourth_;
  RacingRequest fifth_;
  // One for each operation that submits one.
  std::array<RacingRequest, 2> late_;
  std::atomic<std::size_t> late_submitted_{0};
  std::atomic<int> coroutines_{0};
  std::atomic<int> coroutine_ends_{0};
  // Of those that were not simply let pass.
  std::atomic<int> coroutine_outcomes_{0};
  std::optional<Step> blocked_;
  std::array<std::optional<Step>, 2> late_blocked_;
  std::atomic<std::size_t> late_blocked_count_{0};

  std::atomic<std::uint32_t> primary_{1};
  std::array<ShardHandle, 2> made_;
  std::atomic<std::size_t> made_count_{0};

  std::atomic<bool> shut_down_{false};
  std::atomic<int> ends_after_shutdown_{0};
  std::atomic<int> wakes_after_shutdown_{0};
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_RACES_SCENE_H_

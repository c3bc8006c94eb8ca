// A World is what the threads of one round share.
#ifndef FAILOVER_TESTS_PROOFS_STRESS_WORLD_H_
#define FAILOVER_TESTS_PROOFS_STRESS_WORLD_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "chores.h"
#include "failover/budget.h"
#include "failover/buffer.h"
#include "ledger.h"
#include "random.h"

namespace failover::test {

struct World {
  World(Buffer& the_buffer, Ledger& the_ledger, Chores& the_chores)
      : buffer(the_buffer),
        budget(the_buffer.options().budget),
        ledger(the_ledger),
        chores(the_chores) {}

  // The Buffer lives until all threads have ended, except for the thread that only does chores.
  Buffer& buffer;
  // nullptr if the Buffer has none.
  std::shared_ptr<Budget> budget;
  Ledger& ledger;
  Chores& chores;

  // Clients and feeds go on until this flag is set.
  std::atomic<bool> stop{false};
  // This flag says that Shutdown has returned.
  std::atomic<bool> shut_down{false};

  // The loop of a client calls this function to ask whether it goes on. Each call counts as one
  // operation.
  bool GoesOn() {
    const std::uint64_t operation = operations_++;
    // On few processors, a client that never blocks would keep the other clients from running.
    if (operation % 8 == 0) std::this_thread::yield();
    if (operation == awaited_) {
      const std::lock_guard<std::mutex> lock(mutex_);
      changed_.notify_all();
    }
    return !stop;
  }
  // Returns once the loops together have done more than `operations` operations. Call this function
  // only once.
  void AwaitOperations(std::uint64_t operations) {
    awaited_ = operations;
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return operations_ > operations; });
  }

 private:
  std::atomic<std::uint64_t> operations_{0};
  std::atomic<std::uint64_t> awaited_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
};

inline constexpr std::uint64_t kShards = 3;

inline std::string ShardName(std::uint64_t shard) { return std::to_string(shard); }

inline absl::Status FailoverError() {
  return MarkCausedByFailover(absl::UnavailableError("no primary (errno 1290)"));
}

// Returns no error, an error that a failover caused, or another error.
inline absl::Status AnyError(Random& random) {
  switch (random.Below(8)) {
    case 0:
      return absl::NotFoundError("no such row");
    case 1:
    case 2:
      return FailoverError();
    default:
      return absl::OkStatus();
  }
}

// Returns the context of a request. The request blocks for ever only if nothing happens at all.
inline RequestContext AnyContext(Random& random) {
  RequestContext context;
  switch (random.Below(8)) {
    case 0:
      context.timeout = absl::ZeroDuration();
      break;
    case 1:
    case 2:
      context.timeout = absl::Microseconds(random.Below(500));
      break;
    case 3:
      context.timeout = absl::Milliseconds(random.Below(1500));
      break;
    default:
      break;
  }
  context.bytes = random.Below(60);
  if (random.OneIn(2)) {
    context.work = random.OneIn(4) ? Work::kTransaction : Work::kStatement;
  }
  return context;
}

// Ends a retry now or later, on this thread or on another, with or without an outcome.
void EndRetry(World& world, Random& random, RetryDoneFunc token);

// Each of these functions is one thread. It returns soon after world.stop is set and the call that
// it waits for has ended.
void RunBlockingClient(World& world, Random random);
void RunRetryLoopClient(World& world, Random random);
void RunAsyncClient(World& world, Random random);
void RunHealthFeed(World& world, Random random);
void RunOperator(World& world, Random random);
void RunScraper(World& world, Random random);
// Returns at once if the Buffer has no Budget.
void RunNeighbours(World& world, Random random);
// Only the C++20 build has this client.
void RunCoroutineClient(World& world, Random random);

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_STRESS_WORLD_H_

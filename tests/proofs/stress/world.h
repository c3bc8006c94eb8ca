// What the threads of one round share.
#ifndef FAILOVER_TESTS_PROOFS_STRESS_WORLD_H_
#define FAILOVER_TESTS_PROOFS_STRESS_WORLD_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "chores.h"
#include "failover/buffer.h"
#include "ledger.h"
#include "random.h"

namespace failover::test {

struct World {
  World(Buffer& the_buffer, Ledger& the_ledger, Chores& the_chores)
      : buffer(the_buffer), ledger(the_ledger), chores(the_chores) {}

  // Lives until all threads but those that only do chores have ended.
  Buffer& buffer;
  Ledger& ledger;
  Chores& chores;

  // Clients and feeds go on until this is set.
  std::atomic<bool> stop{false};
  // Shutdown has returned.
  std::atomic<bool> shut_down{false};

  // For the loops of the clients: whether to go round once more.
  bool GoesOn() {
    const std::uint64_t operation = operations_++;
    // On few processors a client that never blocks would keep the others from theirs.
    if (operation % 8 == 0) std::this_thread::yield();
    if (operation == awaited_) {
      const std::lock_guard<std::mutex> lock(mutex_);
      changed_.notify_all();
    }
    return !stop;
  }
  // Returns once the loops together went round so often. To be called once.
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

// No error, one of a failover, or another.
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

// Of a request that does not block for ever unless nothing happens at all.
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
  return context;
}

// A retry ends now or later, here or on another thread, with an outcome or without.
void EndRetry(World& world, Random& random, RetryDoneFunc token);

// The threads. Each returns soon after world.stop is set and whatever it waits for has ended.
void RunBlockingClient(World& world, Random random);
void RunRetryLoopClient(World& world, Random random);
void RunAsyncClient(World& world, Random random);
void RunHealthFeed(World& world, Random random);
void RunOperator(World& world, Random random);
void RunScraper(World& world, Random random);
// Only in the C++20 build.
void RunCoroutineClient(World& world, Random random);

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_STRESS_WORLD_H_

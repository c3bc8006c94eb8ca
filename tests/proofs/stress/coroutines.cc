// This file holds the clients with coroutines.
#include <coroutine>
#include <exception>
#include <memory>
#include <utility>

#include "failover/coroutine.h"
#include "world.h"

namespace failover::test {
namespace {

// A Detached coroutine begins at once. Its frame is destroyed when it ends.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Detached AwaitEnd(World& world, std::shared_ptr<Trip> trip, std::uint64_t seed) {
  Random random(seed);
  const ShardHandle shard = world.buffer.GetShard("ks", ShardName(random.Below(kShards)));
  absl::StatusOr<RetryDoneFunc> done =
      co_await AwaitFailoverEnd(world.buffer, AnyContext(random), shard, AnyError(random));
  world.ledger.Expect(!world.shut_down || !done.ok() || !*done,
                      "a coroutine was resumed after Shutdown returned");
  world.ledger.Told(done.status());
  trip->End();
  if (done.ok()) EndRetry(world, random, *std::move(done));
}

}  // namespace

void RunCoroutineClient(World& world, Random random) {
  while (world.GoesOn()) {
    AwaitEnd(world, world.ledger.BeginTrip(), random.Seed());
  }
}

}  // namespace failover::test

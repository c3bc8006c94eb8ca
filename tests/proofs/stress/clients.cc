// This file holds the clients that block, and the clients with callbacks.
#include <memory>
#include <utility>
#include <vector>

#include "failover/retry.h"
#include "world.h"

namespace failover::test {
namespace {

ShardHandle AnyShard(World& world, Random& random) {
  return world.buffer.GetShard("ks", ShardName(random.Below(kShards)));
}

// Lets another thread cancel the call: before, while or after the call waits.
void CancelLater(World& world, const std::shared_ptr<Cancellation>& cancellation) {
  world.chores.Add([cancellation] { cancellation->Cancel(); });
}

absl::StatusOr<RetryDoneFunc> Wait(World& world, Random& random) {
  RequestContext context = AnyContext(random);
  const absl::Status error = AnyError(random);
  const auto cancellation = std::make_shared<Cancellation>();
  if (random.OneIn(3)) {
    context.cancellation = cancellation.get();
    CancelLater(world, cancellation);
  }
#if defined(__cpp_lib_jthread)
  if (random.OneIn(3)) {
    std::stop_source source;
    world.chores.Add([source]() mutable { source.request_stop(); });
    return world.buffer.WaitForFailoverEnd(context, AnyShard(world, random), error,
                                           source.get_token());
  }
#endif
  if (random.OneIn(4)) {
    return world.buffer.WaitForFailoverEnd(context, "ks", ShardName(random.Below(kShards)), error);
  }
  return world.buffer.WaitForFailoverEnd(context, AnyShard(world, random), error);
}

// EndUnlessRun is a part of a callback. It notes the end of a request whose callback is destroyed
// without having run.
class EndUnlessRun {
 public:
  explicit EndUnlessRun(std::shared_ptr<Trip> trip) : trip_(std::move(trip)) {}
  EndUnlessRun(EndUnlessRun&&) = default;
  ~EndUnlessRun() {
    if (trip_ != nullptr) trip_->End();
  }
  void Run() { std::exchange(trip_, nullptr)->End(); }

 private:
  std::shared_ptr<Trip> trip_;
};

absl::StatusOr<BufferedRequest> Submit(World& world, Random& random,
                                       const std::shared_ptr<Trip>& trip) {
  const std::uint64_t seed = random.Seed();
  WaitCallback callback = [&world, seed,
                           end = EndUnlessRun(trip)](absl::StatusOr<RetryDoneFunc> result) mutable {
    Random of_callback(seed);
    world.ledger.Expect(!world.shut_down, "a callback ran after Shutdown returned");
    end.Run();
    world.ledger.Told(result.status());
    if (of_callback.OneIn(5000)) world.buffer.Shutdown();
    if (result.ok()) EndRetry(world, of_callback, *std::move(result));
  };
  if (random.OneIn(4)) {
    return world.buffer.WaitForFailoverEndAsync(AnyContext(random), "ks",
                                                ShardName(random.Below(kShards)), AnyError(random),
                                                std::move(callback));
  }
  return world.buffer.WaitForFailoverEndAsync(AnyContext(random), AnyShard(world, random),
                                              AnyError(random), std::move(callback));
}

// The request must have ended once its handle is gone.
void DestroyHandle(Ledger& ledger, BufferedRequest handle, const Trip& trip) {
  { const BufferedRequest last = std::move(handle); }
  ledger.Expect(trip.ends() == 1, "a handle was destroyed, but its request has not ended");
}

void CancelHandle(Ledger& ledger, BufferedRequest handle, const Trip& trip) {
  const bool won = handle.Cancel();
  ledger.Expect(handle.Cancel() == won, "two answers of Cancel");
  ledger.Expect(!won || trip.ends() == 1, "a cancelled callback is still there");
  DestroyHandle(ledger, std::move(handle), trip);
}

// Ends the use of a handle of a held request in one of the ways that a client may choose.
void Dispose(World& world, Random& random, BufferedRequest handle, std::shared_ptr<Trip> trip) {
  Ledger* const ledger = &world.ledger;
  switch (random.Below(6)) {
    case 0:
      CancelHandle(*ledger, std::move(handle), *trip);
      break;
    case 1:
      DestroyHandle(*ledger, std::move(handle), *trip);
      break;
    case 2:
      handle.Detach();
      break;
    case 3:
      world.chores.Add([ledger, trip, handle = std::move(handle)]() mutable {
        DestroyHandle(*ledger, std::move(handle), *trip);
      });
      break;
    default:
      world.chores.Add([ledger, trip, handle = std::move(handle)]() mutable {
        CancelHandle(*ledger, std::move(handle), *trip);
      });
  }
}

}  // namespace

void EndRetry(World& world, Random& random, RetryDoneFunc token) {
  if (!token) return;
  switch (random.Below(4)) {
    case 0:
      break;
    case 1:
      token(absl::OkStatus());
      break;
    case 2:
      world.chores.Add([token = std::move(token)]() mutable { token(FailoverError()); });
      break;
    default:
      world.chores.Add([token = std::move(token)] {});
  }
}

void RunBlockingClient(World& world, Random random) {
  while (world.GoesOn()) {
    absl::StatusOr<RetryDoneFunc> done = Wait(world, random);
    world.ledger.Told(done.status());
    if (done.ok()) EndRetry(world, random, *std::move(done));
  }
}

void RunRetryLoopClient(World& world, Random random) {
  while (world.GoesOn()) {
    const absl::Status result =
        RunWithFailoverRetry(world.buffer, AnyContext(random), AnyShard(world, random),
                             [&random] { return AnyError(random); });
    const bool from_attempt = IsNotFound(result) || world.buffer.IsFailover(result);
    if (!from_attempt) world.ledger.Told(result);
  }
}

void RunAsyncClient(World& world, Random random) {
  while (world.GoesOn()) {
    const std::shared_ptr<Trip> trip = world.ledger.BeginTrip();
    absl::StatusOr<BufferedRequest> handle = Submit(world, random, trip);
    if (handle.ok() && *handle) {
      Dispose(world, random, *std::move(handle), trip);
    } else {
      world.ledger.Told(handle.status());
      world.ledger.Expect(trip->ends() == 1, "an unused callback was not destroyed");
    }
  }
}

}  // namespace failover::test

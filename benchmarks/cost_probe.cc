// Does one thing many times, so that scripts/cost-gate can count what the thing takes.
//
//   failover_cost_probe --list               prints the rows
//   failover_cost_probe <row> <operations>   does the row's operation so many times, and prints how
//                                            many allocations, locks, clock readings and wake-ups
//                                            the operations took; callgrind counts instructions
//   failover_cost_probe --read-only          ends with 1 if the idle path writes to shared memory
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coroutine_task.h"
#include "cost_comebacks.h"
#include "cost_counters.h"
#include "cost_subject.h"
#include "failover/buffer.h"
#include "failover/coroutine.h"
#include "failover/inbox.h"
#include "harness.h"
#include "silence.h"

namespace failover::benchmarks {
namespace {

Costs PassByHandle(Subject& subject, const absl::Status& error, std::size_t operations) {
  return Measure([&] {
    for (std::size_t i = 0; i < operations; ++i) {
      const absl::StatusOr<RetryDoneFunc> done =
          subject.buffer().WaitForFailoverEnd({}, subject.shard(), error);
      Require(done.ok() && !*done, "a request did not pass");
    }
  });
}

Costs IdleByHandle(std::size_t operations) {
  Subject subject(1);
  return PassByHandle(subject, absl::OkStatus(), operations);
}

Costs Epoch(std::size_t operations) {
  Subject subject(1);
  return Measure([&] {
    for (std::size_t i = 0; i < operations; ++i) {
      Require(subject.shard().epoch() != 0, "a shard has no epoch");
    }
  });
}

Costs IdleOtherError(std::size_t operations) {
  Subject subject(1);
  return PassByHandle(subject, DuplicateKeyError(), operations);
}

Costs DisabledShard(std::size_t operations) {
  Subject subject(1, 1, "another_keyspace");
  return PassByHandle(subject, absl::OkStatus(), operations);
}

Costs IdleByNames(std::size_t operations) {
  Subject subject(1, 1000);
  const absl::Status no_error;
  return Measure([&] {
    for (std::size_t i = 0; i < operations; ++i) {
      const ShardName& name = subject.names()[i % subject.names().size()];
      const absl::StatusOr<RetryDoneFunc> done =
          subject.buffer().WaitForFailoverEnd({}, name.keyspace, name.shard, no_error);
      Require(done.ok() && !*done, "a request did not pass");
    }
  });
}

// Measures the first report of each shard.
Costs KnowShard(std::size_t operations) {
  const std::vector<ShardName> names = MakeNames(operations + 1);
  std::vector<TabletStats> reports;
  for (const ShardName& name : names) reports.push_back(ServingPrimary(name, 1));
  Subject subject(1);
  return Measure([&] {
    for (const TabletStats& report : reports) subject.buffer().StatsUpdate(report);
  });
}

template <typename Last>
Costs Enqueue(Subject& subject, const Last& last, std::size_t operations) {
  std::vector<BufferedRequest> held(operations);
  subject.StartFailover();
  return Measure([&] {
    for (std::size_t i = 0; i < operations; ++i) held[i] = subject.Hold(last, i);
  });
}

Costs EnqueueFirstAttempt(std::size_t operations) {
  Subject subject(operations);
  return Enqueue(subject, absl::OkStatus(), operations);
}

Costs EnqueueFailedAttempt(std::size_t operations) {
  Subject subject(operations);
  return Enqueue(subject, FailoverError(), operations);
}

Costs EnqueueRefused(std::size_t operations) {
  Subject subject(operations);
  return Enqueue(subject, Attempt::kRefused, operations);
}

Costs EnqueueAmong10000Shards(std::size_t operations) {
  Subject subject(operations, 10'000);
  return Enqueue(subject, absl::OkStatus(), operations);
}

// Measures from the end of the failover until the last retry has ended.
Costs Release(Subject& subject, std::size_t operations) {
  subject.StartFailover();
  const std::vector<BufferedRequest> held = subject.HoldMany(operations);
  return Measure([&] {
    subject.EndFailover();
    subject.PollUntilReturned(operations);
  });
}

Costs ReleaseToThePoller(std::size_t operations) {
  Subject subject(operations);
  return Release(subject, operations);
}

Costs ReleaseToAnInbox(std::size_t operations) {
  Inbox inbox(CountWakeup);
  Subject subject(operations);
  subject.Use(&inbox);
  inbox.Poll();
  return Release(subject, operations);
}

// Measures the destructor of a handle whose request came back before.
Costs DropHandle(std::size_t operations) {
  Subject subject(operations);
  subject.StartFailover();
  std::vector<BufferedRequest> held = subject.HoldMany(operations);
  subject.EndFailover();
  subject.PollUntilReturned(operations);
  return Measure([&] {
    for (BufferedRequest& request : held) request = BufferedRequest();
  });
}

Costs CancelNewestFirst(std::size_t operations, std::size_t others_held) {
  Subject subject(operations + others_held);
  subject.StartFailover();
  const std::vector<BufferedRequest> others = subject.HoldMany(others_held);
  std::vector<BufferedRequest> held = subject.HoldMany(operations);
  const Costs costs = Measure([&] {
    for (std::size_t i = operations; i-- > 0;) held[i] = BufferedRequest();
  });
  Require(subject.buffer().Stats().slots_free == operations, "a cancelled request kept its slot");
  return costs;
}

Costs Cancel(std::size_t operations) { return CancelNewestFirst(operations, 0); }
Costs CancelAmong50000Held(std::size_t operations) { return CancelNewestFirst(operations, 50'000); }

// Measures the arrival of a request, and the error that the evicted request gets.
Costs Evict(Subject& subject, std::size_t operations) {
  subject.StartFailover();
  const std::vector<BufferedRequest> evicted = subject.HoldMany(operations);
  std::vector<BufferedRequest> held(operations);
  const Costs costs = Measure([&] {
    for (std::size_t i = 0; i < operations; ++i) held[i] = subject.Hold(absl::OkStatus(), i);
    subject.PollUntilReturned(operations);
  });
  Require(subject.returns().failed() == operations, "the oldest were not evicted");
  return costs;
}

Costs EvictFromFullBuffer(std::size_t operations) {
  Subject subject(operations);
  return Evict(subject, operations);
}

Costs EvictFromFullShard(std::size_t operations) {
  BufferOptions options = HoldingOptions(2 * operations, Threading::kManual);
  options.max_per_shard = static_cast<std::int64_t>(operations);
  Subject subject(options);
  return Evict(subject, operations);
}

// This coroutine waits twice. The first wait is for a start signal, so that the frame exists before
// the second wait is measured.
FireAndForget Suspend(FloorCoroutineQueue& starts, Subject& subject, std::size_t number) {
  co_await starts.Wait();
  subject.returns().Count(
      number, co_await AwaitFailoverEnd(subject.buffer(), {}, subject.shard(), absl::OkStatus()));
}

Costs CoroutineSuspend(std::size_t operations) {
  Subject subject(operations);
  subject.StartFailover();
  FloorCoroutineQueue starts;
  for (std::size_t i = 0; i < operations; ++i) Suspend(starts, subject, i);
  const Costs costs = Measure([&] {
    while (!starts.empty()) starts.ResumeFront();
  });
  subject.EndFailover();
  subject.PollUntilReturned(operations);
  return costs;
}

Costs CoroutineResume(std::size_t operations) {
  Subject subject(operations);
  subject.StartFailover();
  FloorCoroutineQueue starts;
  for (std::size_t i = 0; i < operations; ++i) Suspend(starts, subject, i);
  while (!starts.empty()) starts.ResumeFront();
  return Measure([&] {
    subject.EndFailover();
    subject.PollUntilReturned(operations);
  });
}

FireAndForget Start(Subject& subject, std::size_t number) {
  subject.returns().Count(
      number, co_await AwaitFailoverEnd(subject.buffer(), {}, subject.shard(), absl::OkStatus()));
}

// Measures the start of a coroutine that waits at once, its frame included.
Costs CoroutineStart(std::size_t operations) {
  Subject subject(operations);
  subject.StartFailover();
  const Costs costs = Measure([&] {
    for (std::size_t i = 0; i < operations; ++i) Start(subject, i);
  });
  subject.EndFailover();
  subject.PollUntilReturned(operations);
  return costs;
}

// Measures shards that all fail over, with one request each.
Costs ShardFailsOver(std::size_t operations) {
  Subject subject(operations, operations);
  const absl::Status error = FailoverError();
  std::vector<ShardHandle> shards;
  std::vector<TabletStats> promoted;
  for (const ShardName& name : subject.names()) {
    shards.push_back(subject.buffer().GetShard(name.keyspace, name.shard));
    promoted.push_back(ServingPrimary(name, 2));
  }
  std::vector<BufferedRequest> held(operations);
  return Measure([&] {
    for (std::size_t i = 0; i < operations; ++i) {
      held[i] = *subject.buffer().WaitForFailoverEndAsync({}, shards[i], error,
                                                          subject.returns().Callback(i));
    }
    for (const TabletStats& report : promoted) subject.buffer().StatsUpdate(report);
    subject.PollUntilReturned(operations);
  });
}

const std::map<std::string, Costs (*)(std::size_t)> kRows = {
    {"idle_by_handle", IdleByHandle},
    {"idle_by_names", IdleByNames},
    {"epoch", Epoch},
    {"idle_other_error", IdleOtherError},
    {"disabled_shard", DisabledShard},
    {"know_shard", KnowShard},
    {"enqueue", EnqueueFirstAttempt},
    {"enqueue_failed_attempt", EnqueueFailedAttempt},
    {"enqueue_refused", EnqueueRefused},
    {"enqueue_among_10000_shards", EnqueueAmong10000Shards},
    {"release", ReleaseToThePoller},
    {"release_to_an_inbox", ReleaseToAnInbox},
    {"drop_handle", DropHandle},
    {"cancel", Cancel},
    {"cancel_among_50000_held", CancelAmong50000Held},
    {"evict", EvictFromFullBuffer},
    {"evict_full_shard", EvictFromFullShard},
    {"coroutine_start", CoroutineStart},
    {"coroutine_suspend", CoroutineSuspend},
    {"coroutine_resume", CoroutineResume},
    {"shard_fails_over", ShardFailsOver},
    {"held_again", HeldAgain},
    {"probe", Probe},
    {"adaptive_drain", AdaptiveDrain},
};

void PrintRow(const std::string& row, std::size_t operations) {
  const Costs costs = kRows.at(row)(operations);
  std::printf("allocations %zu\nbytes %zu\nlocks %zu\nclock_readings %zu\nwakeups %zu\n",
              costs.allocations, costs.bytes, costs.locks, costs.clock_readings, costs.wakeups);
}

// Lets idle requests of all kinds pass while everything that the Buffer owns is read-only.
void PassReadOnly() {
  static std::unique_ptr<Buffer> buffer;
  static ShardHandle shard;
  static absl::Status other_error;
  const auto pass = [] {
    const auto passes = [](const absl::StatusOr<RetryDoneFunc>& done) {
      return done.ok() && !*done;
    };
    const absl::Status no_error;
    for (int i = 0; i < 100; ++i) {
      if (!passes(buffer->WaitForFailoverEnd({}, shard, no_error)) ||
          !passes(buffer->WaitForFailoverEnd({}, "commerce", "-80", no_error)) ||
          !passes(buffer->WaitForFailoverEnd({}, shard, other_error)) ||
          !passes(buffer->WaitForFailoverEnd({}, "commerce", "-80", other_error))) {
        Fail("a request did not pass");
      }
    }
  };
  const auto prepare = [&pass] {
    buffer = MakeBuffer(HoldingOptions(1, Threading::kManual));
    shard = buffer->GetShard("commerce", "-80");
    buffer->StatsUpdate(ServingPrimary({"commerce", "-80"}, 1));
    other_error = DuplicateKeyError();
    // Some things are made when they are first needed. This pass makes them.
    pass();
  };
  RunReadOnly(prepare, pass);
  buffer.reset();
  other_error = absl::OkStatus();
  std::puts("the idle path writes to no shared memory");
}

int Run(const std::vector<std::string>& arguments) {
  if (arguments == std::vector<std::string>{"--list"}) {
    for (const auto& [name, run] : kRows) std::puts(name.c_str());
    return 0;
  }
  SilenceTheLog();
  if (arguments == std::vector<std::string>{"--read-only"}) {
    PassReadOnly();
    return 0;
  }
  const long operations = arguments.size() == 2 ? std::atol(arguments[1].c_str()) : 0;
  if (operations <= 0 || kRows.count(arguments[0]) == 0) {
    std::fputs("usage: failover_cost_probe --list | --read-only | <row> <operations>\n", stderr);
    return 2;
  }
  PrintRow(arguments[0], static_cast<std::size_t>(operations));
  return 0;
}

}  // namespace
}  // namespace failover::benchmarks

int main(int argc, char** argv) {
  return failover::benchmarks::Run(std::vector<std::string>(argv + 1, argv + argc));
}

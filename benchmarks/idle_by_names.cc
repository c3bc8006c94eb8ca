// Measures a request that names its shard by two strings while nothing fails over: a look-up, and
// then the idle check.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "benchmark/benchmark.h"
#include "failover/buffer.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

// The subject of a measurement with the names that the subject knows. There is one for each number
// of shards.
template <typename T>
struct Prepared {
  explicit Prepared(std::size_t count) : names(MakeNames(count)), subject(names), shuffled(names) {
    std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937_64(19801));
  }
  const std::vector<ShardName> names;
  T subject;
  std::vector<ShardName> shuffled;
};

template <typename T>
Prepared<T>& Prepare(std::size_t count) {
  static std::mutex mutex;
  static std::map<std::size_t, std::unique_ptr<Prepared<T>>> all;
  const std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Prepared<T>>& prepared = all[count];
  if (prepared == nullptr) prepared = std::make_unique<Prepared<T>>(count);
  return *prepared;
}

class LibrarySubject {
 public:
  explicit LibrarySubject(const std::vector<ShardName>& names)
      : buffer_(MakeBuffer(HoldingOptions(1000, Threading::kServiceThread))) {
    for (const ShardName& name : names) buffer_->GetShard(name.keyspace, name.shard);
  }

  bool Passes(const ShardName& name) {
    const absl::StatusOr<RetryDoneFunc> done =
        buffer_->WaitForFailoverEnd({}, name.keyspace, name.shard, no_error_);
    return done.ok() && !*done;
  }

 private:
  const absl::Status no_error_;
  const std::unique_ptr<Buffer> buffer_;
};

// The floor: one hash, one probe, two comparisons, one acquire load.
class BareTable {
 public:
  explicit BareTable(const std::vector<ShardName>& names) {
    while (mask_ + 1 < names.size() * 2) mask_ = mask_ * 2 + 1;
    slots_.resize(mask_ + 1);
    for (const ShardName& name : names) {
      const std::uint64_t hash = absl::HashOf(name.keyspace, name.shard);
      std::size_t i = hash & mask_;
      while (slots_[i].shard != nullptr) i = (i + 1) & mask_;
      slots_[i].hash = hash;
      slots_[i].shard = std::make_unique<Shard>();
      slots_[i].shard->name = name;
    }
  }

  bool Passes(const ShardName& name) const {
    const std::uint64_t hash = absl::HashOf(name.keyspace, name.shard);
    for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
      const Shard* const shard = slots_[i].shard.get();
      if (shard == nullptr) return false;
      if (slots_[i].hash == hash && shard->name.shard == name.shard &&
          shard->name.keyspace == name.keyspace) {
        return (shard->bits.load(std::memory_order_acquire) & 1) == 0;
      }
    }
  }

 private:
  struct alignas(64) Shard {
    std::atomic<std::uint32_t> bits{2};
    ShardName name;
  };
  struct Slot {
    std::uint64_t hash = 0;
    std::unique_ptr<Shard> shard;
  };

  std::size_t mask_ = 1;
  std::vector<Slot> slots_;
};

// The shape of another solution: a map behind a reader lock. Each look-up joins the two names into
// one string.
class LockedMap {
 public:
  explicit LockedMap(const std::vector<ShardName>& names) {
    for (const ShardName& name : names) shards_[Key(name)] = 2;
  }

  bool Passes(const ShardName& name) {
    const std::shared_lock<std::shared_mutex> lock(mutex_);
    const auto shard = shards_.find(Key(name));
    return shard != shards_.end() && (shard->second & 1) == 0;
  }

 private:
  static std::string Key(const ShardName& name) { return name.keyspace + "/" + name.shard; }

  std::shared_mutex mutex_;
  std::unordered_map<std::string, std::uint32_t> shards_;
};

template <typename T>
void LookUp(benchmark::State& state, Prepared<T>& prepared, const std::vector<ShardName>& names) {
  // Two threads begin at different names, so that they do not walk in step.
  std::size_t next = names.size() / 2 * static_cast<std::size_t>(state.thread_index());
  for (auto _ : state) {
    const bool passes = prepared.subject.Passes(names[next]);
    if (!passes) return state.SkipWithError("a request did not pass");
    if (++next == names.size()) next = 0;
  }
}

// Looks up the shards in the order in which they became known.
template <typename T>
void InTurn(benchmark::State& state) {
  Prepared<T>& prepared = Prepare<T>(static_cast<std::size_t>(state.range(0)));
  LookUp(state, prepared, prepared.names);
}

// Looks up the shards in random order, so that only the cache helps.
template <typename T>
void AtRandom(benchmark::State& state) {
  Prepared<T>& prepared = Prepare<T>(static_cast<std::size_t>(state.range(0)));
  LookUp(state, prepared, prepared.shuffled);
}

void Arguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("shards")->UseRealTime();
  benchmark->Arg(8)->Arg(1'000)->Arg(10'000)->Threads(1)->Threads(2);
}

void Scale(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("shards")->UseRealTime();
  benchmark->RangeMultiplier(10)->Range(1, 100'000);
}

BENCHMARK_TEMPLATE(InTurn, LibrarySubject)->Name("idle_by_names/library")->Apply(Arguments);
BENCHMARK_TEMPLATE(InTurn, BareTable)->Name("idle_by_names/floor")->Apply(Arguments);
BENCHMARK_TEMPLATE(InTurn, LockedMap)->Name("idle_by_names/locked_map")->Apply(Arguments);

BENCHMARK_TEMPLATE(AtRandom, LibrarySubject)->Name("names_scale/library")->Apply(Scale);
BENCHMARK_TEMPLATE(AtRandom, BareTable)->Name("names_scale/floor")->Apply(Scale);
BENCHMARK_TEMPLATE(AtRandom, LockedMap)->Name("names_scale/locked_map")->Apply(Scale);

}  // namespace
}  // namespace failover::benchmarks

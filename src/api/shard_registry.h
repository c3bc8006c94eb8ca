// All shards of a Buffer by name. Shards are only added, so that a look-up takes no lock.
#ifndef FAILOVER_SRC_API_SHARD_REGISTRY_H_
#define FAILOVER_SRC_API_SHARD_REGISTRY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "base/mutex.h"
#include "base/striped_counter.h"
#include "shard/shard_buffer.h"

namespace failover::internal {

// Thread-safe. Owns the shards, which live as long as the registry.
//
// Readers probe an open-addressing table behind an atomic pointer. When the table gets too small, a
// writer publishes a table of twice the size. The old table is kept for readers that still probe
// it. All old tables together are smaller than the newest.
class ShardRegistry {
 public:
  // Makes a shard. `lane` is what the shard counts in if it is disabled. Called under the mutex.
  using Factory = std::function<std::unique_ptr<ShardBuffer>(
      std::string_view keyspace, std::string_view shard, const DisabledLane& lane)>;

  explicit ShardRegistry(std::size_t max_shards);
  ~ShardRegistry();

  ShardRegistry(const ShardRegistry&) = delete;
  ShardRegistry& operator=(const ShardRegistry&) = delete;

  // Returns nullptr if the shard is not known. Takes no lock and allocates nothing.
  ShardBuffer* Find(std::string_view keyspace, std::string_view shard) const {
    return FindHashed(Hash(keyspace, shard), keyspace, shard);
  }

  // Returns nullptr if there are max_shards already, or if the registry is closed. `disabled` says
  // whether the shard needs counters, and is called under the mutex. `prepare` is called before the
  // shard becomes visible, with the number of shards that there will be. May throw std::bad_alloc,
  // and has then changed nothing.
  ShardBuffer* FindOrMake(std::string_view keyspace, std::string_view shard,
                          absl::FunctionRef<bool()> disabled,
                          absl::FunctionRef<void(std::size_t)> prepare, const Factory& make)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // A change of the options: bounds the number of shards anew, and calls `publish` while no shard
  // becomes known. So each shard was made before that call and is visited by a later ForEach, or is
  // made after the call. Shards beyond the bound stay known. Appends counters to *lanes for each
  // shard that `needs_counters`. Returns false, and does nothing, if the registry is closed. May
  // throw what `publish` throws, or std::bad_alloc, and has then changed nothing.
  bool Renew(std::size_t max_shards, absl::FunctionRef<bool(const ShardBuffer&)> needs_counters,
             std::vector<DisabledLane>* lanes, absl::FunctionRef<void()> publish)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes on no more shards, for good. A later ForEach visits all shards that were made.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);
  bool full() const {
    return count_.load(std::memory_order_relaxed) >= max_shards_.load(std::memory_order_relaxed);
  }

  // Visits the shards in the order in which they became known. Takes no lock.
  void ForEach(absl::FunctionRef<void(ShardBuffer&)> visit) const;

 private:
  struct Slot {
    // `hash` is written once, before `shard`. So a reader that sees the shard sees its hash, too.
    std::uint64_t hash = 0;
    std::atomic<ShardBuffer*> shard{nullptr};
  };
  struct Table {
    explicit Table(std::size_t size) : mask(size - 1), slots(std::make_unique<Slot[]>(size)) {}
    const std::size_t mask;
    const std::unique_ptr<Slot[]> slots;
  };

  static std::uint64_t Hash(std::string_view keyspace, std::string_view shard);
  ShardBuffer* FindHashed(std::uint64_t hash, std::string_view keyspace,
                          std::string_view shard) const;
  static void Insert(const Table& table, std::uint64_t hash, ShardBuffer* shard);
  void GrowIfNeeded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The lane of the disabled shard with the number `index`.
  DisabledLane LaneOf(std::size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Written under mutex_, read without it. The release of each store of a pointer publishes what
  // the pointer points to. Relaxed suffices for the numbers, which order nothing, and for reads
  // under mutex_, which orders them.
  std::atomic<std::size_t> max_shards_;
  std::atomic<const Table*> table_;
  std::atomic<ShardBuffer*> first_{nullptr};
  std::atomic<std::size_t> count_{0};

  Mutex mutex_;
  ShardBuffer* last_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::unique_ptr<const Table>> tables_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<StripedCounters>> counters_ ABSL_GUARDED_BY(mutex_);
  std::size_t disabled_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_SHARD_REGISTRY_H_

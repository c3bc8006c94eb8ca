#include "api/shard_registry.h"

#include <utility>

#include "absl/hash/hash.h"

namespace failover::internal {
namespace {

// The size of every table is a power of two. A table is replaced by a larger one when it is half
// full, so that an unknown name is told from a known one after one or two probes.
constexpr std::size_t kFirstTableSize = 64;

}  // namespace

ShardRegistry::ShardRegistry(std::size_t max_shards) : max_shards_(max_shards), table_(nullptr) {
  auto table = std::make_unique<const Table>(kFirstTableSize);
  table_.store(table.get(), std::memory_order_release);
  const MutexLock lock(mutex_);
  tables_.push_back(std::move(table));
}

ShardRegistry::~ShardRegistry() {
  ShardBuffer* shard = first_.load(std::memory_order_acquire);
  while (shard != nullptr) {
    delete std::exchange(shard, shard->next_known.load(std::memory_order_acquire));
  }
}

std::uint64_t ShardRegistry::Hash(std::string_view keyspace, std::string_view shard) {
  // absl hashes its own string_view inline, but leaves the standard string_view to the standard
  // library.
  return absl::HashOf(absl::string_view(keyspace.data(), keyspace.size()),
                      absl::string_view(shard.data(), shard.size()));
}

ShardBuffer* ShardRegistry::FindHashed(std::uint64_t hash, std::string_view keyspace,
                                       std::string_view shard) const {
  const Table& table = *table_.load(std::memory_order_acquire);
  for (std::size_t i = hash & table.mask;; i = (i + 1) & table.mask) {
    const Slot& slot = table.slots[i];
    ShardBuffer* const known = slot.shard.load(std::memory_order_acquire);
    if (known == nullptr) return nullptr;
    if (slot.hash == hash && known->shard() == shard && known->keyspace() == keyspace) {
      return known;
    }
  }
}

ShardBuffer* ShardRegistry::FindOrMake(std::string_view keyspace, std::string_view shard,
                                       absl::FunctionRef<bool()> disabled,
                                       absl::FunctionRef<void(std::size_t)> prepare,
                                       const Factory& make) {
  const std::uint64_t hash = Hash(keyspace, shard);
  const MutexLock lock(mutex_);
  if (ShardBuffer* const known = FindHashed(hash, keyspace, shard)) return known;
  const std::size_t count = count_.load(std::memory_order_relaxed);
  if (closed_ || count >= max_shards_.load(std::memory_order_relaxed)) return nullptr;
  prepare(count + 1);
  GrowIfNeeded();
  const bool counts = disabled();
  const DisabledLane lane = counts ? LaneOf(disabled_count_) : DisabledLane();
  ShardBuffer* const made = make(keyspace, shard, lane).release();
  if (counts) ++disabled_count_;
  Insert(*table_.load(std::memory_order_relaxed), hash, made);
  (last_ == nullptr ? first_ : last_->next_known).store(made, std::memory_order_release);
  last_ = made;
  count_.store(count + 1, std::memory_order_relaxed);
  return made;
}

void ShardRegistry::Insert(const Table& table, std::uint64_t hash, ShardBuffer* shard) {
  std::size_t i = hash & table.mask;
  while (table.slots[i].shard.load(std::memory_order_relaxed) != nullptr) i = (i + 1) & table.mask;
  table.slots[i].hash = hash;
  table.slots[i].shard.store(shard, std::memory_order_release);
}

void ShardRegistry::GrowIfNeeded() {
  const Table& old = *table_.load(std::memory_order_relaxed);
  const std::size_t size = old.mask + 1;
  if (count_.load(std::memory_order_relaxed) < size / 2) return;
  auto grown = std::make_unique<const Table>(size * 2);
  for (std::size_t i = 0; i < size; ++i) {
    ShardBuffer* const shard = old.slots[i].shard.load(std::memory_order_relaxed);
    if (shard != nullptr) Insert(*grown, old.slots[i].hash, shard);
  }
  tables_.reserve(tables_.size() + 1);
  table_.store(grown.get(), std::memory_order_release);
  tables_.push_back(std::move(grown));
}

DisabledLane ShardRegistry::LaneOf(std::size_t index) {
  const std::size_t group = index / StripedCounters::kLanes;
  while (counters_.size() <= group) counters_.push_back(std::make_unique<StripedCounters>());
  return {counters_[group].get(), static_cast<std::uint8_t>(index % StripedCounters::kLanes)};
}

bool ShardRegistry::Renew(std::size_t max_shards,
                          absl::FunctionRef<bool(const ShardBuffer&)> needs_counters,
                          std::vector<DisabledLane>* lanes, absl::FunctionRef<void()> publish) {
  const MutexLock lock(mutex_);
  if (closed_) return false;
  ForEach([&](const ShardBuffer& shard) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (needs_counters(shard)) lanes->push_back(LaneOf(disabled_count_ + lanes->size()));
  });
  publish();
  disabled_count_ += lanes->size();
  max_shards_.store(max_shards, std::memory_order_relaxed);
  return true;
}

void ShardRegistry::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
}

void ShardRegistry::ForEach(absl::FunctionRef<void(ShardBuffer&)> visit) const {
  for (ShardBuffer* shard = first_.load(std::memory_order_acquire); shard != nullptr;
       shard = shard->next_known.load(std::memory_order_acquire)) {
    visit(*shard);
  }
}

}  // namespace failover::internal

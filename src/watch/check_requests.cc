#include "watch/check_requests.h"

namespace failover::watch::internal {

CheckRequests::CheckRequests(const Names& shards, std::shared_ptr<WakeUp> wake_up)
    : wake_up_(std::move(wake_up)), shards_(shards.size()) {
  for (std::size_t i = 0; i < shards.size(); ++i) index_[shards[i].first][shards[i].second] = i;
}

bool CheckRequests::CheckNow(std::string_view keyspace, std::string_view shard) {
  Shard* const found = Find(keyspace, shard);
  if (found == nullptr) return false;
  Raise(found->check_now);
  return true;
}

bool CheckRequests::SetHolding(std::string_view keyspace, std::string_view shard, bool holding) {
  Shard* const found = Find(keyspace, shard);
  if (found == nullptr) return false;
  found->holding = holding;
  // The flag comes after the state, so a thread that takes the flag sees the state.
  if (holding) Raise(found->hold_began);
  return true;
}

CheckRequests::Shard* CheckRequests::Find(std::string_view keyspace, std::string_view shard) {
  const auto shards = index_.find(keyspace);
  if (shards == index_.end()) return nullptr;
  const auto found = shards->second.find(shard);
  return found == shards->second.end() ? nullptr : &shards_[found->second];
}

void CheckRequests::Raise(std::atomic<bool>& flag) {
  // The thread that raised the flag before wakes the monitor's thread, or has done so. That thread
  // takes the flag after it has woken up.
  if (!flag.exchange(true)) wake_up_->Signal();
}

}  // namespace failover::watch::internal

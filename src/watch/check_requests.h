// What other threads want from a monitor's thread: checks at once, and checks more often.
#ifndef FAILOVER_SRC_WATCH_CHECK_REQUESTS_H_
#define FAILOVER_SRC_WATCH_CHECK_REQUESTS_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "watch/wake_up.h"

namespace failover::watch::internal {

// Thread-safe. No call waits. A shard is known by its position in the list that was given to the
// constructor.
class CheckRequests {
 public:
  using Names = std::vector<std::pair<std::string, std::string>>;  // keyspace and shard

  CheckRequests(const Names& shards, std::shared_ptr<WakeUp> wake_up);

  // For any thread. Both return false if there is no such shard.
  bool CheckNow(std::string_view keyspace, std::string_view shard);
  bool SetHolding(std::string_view keyspace, std::string_view shard, bool holding);

  // For the monitor's thread. The first two return true once for the calls since the last time.
  bool TakeCheckNow(std::size_t shard) { return shards_[shard].check_now.exchange(false); }
  bool TakeHoldBegan(std::size_t shard) { return shards_[shard].hold_began.exchange(false); }
  bool holding(std::size_t shard) const { return shards_[shard].holding; }

 private:
  struct Shard {
    std::atomic<bool> check_now{false};
    std::atomic<bool> hold_began{false};
    std::atomic<bool> holding{false};
  };

  Shard* Find(std::string_view keyspace, std::string_view shard);
  void Raise(std::atomic<bool>& flag);

  const std::shared_ptr<WakeUp> wake_up_;
  // Keyspace, then shard. std::less<> finds a text without a copy.
  std::map<std::string, std::map<std::string, std::size_t, std::less<>>, std::less<>> index_;
  std::vector<Shard> shards_;
};

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_CHECK_REQUESTS_H_

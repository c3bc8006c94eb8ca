// A feed between a real etcd and a Buffer, and what it has told.
#ifndef FAILOVER_TESTS_LIVE_TOPOLOGY_LIVE_FEED_H_
#define FAILOVER_TESTS_LIVE_TOPOLOGY_LIVE_FEED_H_

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/topology/patroni_feed.h"
#include "support/patience.h"

namespace failover::test {

// The options of a Buffer that ends nothing by itself while a test runs on a busy machine.
inline BufferOptions PatientOptions() {
  BufferOptions options;
  options.window = absl::Minutes(10);
  options.max_failover_duration = absl::Minutes(10);
  options.min_time_between_failovers = absl::Minutes(20);
  return options;
}

// Thread-safe, but for Start and the destructor.
class LiveFeed {
 public:
  using State = topology::PatroniState;

  explicit LiveFeed(Buffer* buffer) {
    options.shards = {{"batman", "ks", "0"}};
    options.buffer = buffer;
    options.longest_hold = absl::Minutes(5);
    options.on_change = [this](const State& state) {
      const std::lock_guard<std::mutex> lock(mutex_);
      state_ = state;
      changed_.notify_all();
    };
  }

  // Starts the feed, and waits until its watch stands.
  void Start() {
    auto feed = topology::PatroniFeed::Create(options);
    ASSERT_TRUE(feed.ok()) << feed.status();
    feed_ = *std::move(feed);
    ASSERT_TRUE(feed_->Start().ok());
    ASSERT_TRUE(Await([](const State& state) { return state.connected; })) << LastError();
  }
  void Stop() { feed_->Stop(); }

  // Waits for a state that was told. Returns false after kPatience.
  bool Await(const std::function<bool(const State&)>& is_right) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return is_right(state_); });
  }
  bool AwaitLeader(const std::string& name) {
    return Await([&](const State& state) { return state.leader == name; });
  }
  State Now() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return state_;
  }
  std::string LastError() { return Now().last_error.ToString(); }

  topology::PatroniFeedOptions options;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  State state_;
  std::unique_ptr<topology::PatroniFeed> feed_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_LIVE_TOPOLOGY_LIVE_FEED_H_

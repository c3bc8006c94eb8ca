// The tests of a whole feed share this fixture: a small etcd, a Buffer, and a feed between them.
#ifndef FAILOVER_TESTS_UNIT_TOPOLOGY_FEED_TEST_H_
#define FAILOVER_TESTS_UNIT_TOPOLOGY_FEED_TEST_H_

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/topology/patroni_feed.h"
#include "failover/transition.h"
#include "support/patience.h"
#include "unit/topology/fake_etcd.h"

namespace failover::test {

class FeedTest : public ::testing::Test {
 protected:
  using State = topology::PatroniState;

  FeedTest() {
    BufferOptions options;
    // No window and no duration of the Buffer may end what a test looks at.
    options.window = absl::Minutes(10);
    options.max_failover_duration = absl::Minutes(20);
    options.min_time_between_failovers = absl::Hours(1);
    options.log = [this](LogLevel, std::string_view line) { Note(std::string(line)); };
    options.on_transition = [this](const Transition& transition) {
      const std::lock_guard<std::mutex> lock(mutex_);
      transitions_.emplace_back(ToString(transition.to));
      changed_.notify_all();
    };
    buffer_ = Buffer::Create(options).value();
    options_.etcd.endpoints = {etcd_.url()};
    options_.etcd.poll_interval = absl::Hours(1);
    options_.etcd.request_timeout = absl::Minutes(1);
    options_.shards = {{"batman", "ks", "0"}};
    options_.buffer = buffer_.get();
    options_.longest_hold = absl::Minutes(5);
    options_.on_change = [this](const State& state) {
      const std::lock_guard<std::mutex> lock(mutex_);
      states_[state.shard.shard] = state;
      changed_.notify_all();
    };
    options_.log = [this](LogLevel, std::string_view line) { Note(std::string(line)); };
    Lead("n1");
  }

  ~FeedTest() override {
    feed_.reset();
    buffer_.reset();
  }

  void Start() {
    auto feed = topology::PatroniFeed::Create(options_);
    ASSERT_TRUE(feed.ok()) << feed.status();
    feed_ = *std::move(feed);
    ASSERT_TRUE(feed_->Start().ok());
  }
  // Starts the feed, and waits until the watch stands.
  void StartAndConnect() {
    Start();
    ASSERT_TRUE(AwaitState([](const State& state) { return state.connected; }));
  }

  std::int64_t Lead(const std::string& name) { return etcd_.Put(kPrefix + "leader", name); }
  void Announce(const std::string& value) { etcd_.Put(kPrefix + "failover", value); }

  // Waits for a state of the shard that was told. Returns false after kPatience.
  bool AwaitState(const std::function<bool(const State&)>& is_right,
                  const std::string& shard = "0") {
    return AwaitChange([&] {
      const auto found = states_.find(shard);
      return found != states_.end() && is_right(found->second);
    });
  }
  bool AwaitLeader(const std::string& name) {
    return AwaitState([&](const State& state) { return state.leader == name; });
  }
  bool AwaitHold(bool holding = true) {
    return AwaitState([=](const State& state) { return state.holding == holding; });
  }
  bool AwaitTransition(const std::string& to) {
    return AwaitChange([&] { return !transitions_.empty() && transitions_.back() == to; });
  }
  bool AwaitLine(const std::string& part) {
    return AwaitChange([&] { return !LinesWith(part).empty(); });
  }
  // How often a line with `part` was logged so far.
  std::size_t CountOf(const std::string& part) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return LinesWith(part).size();
  }

  // A report of a monitor that has asked the server itself.
  void Report(std::uint32_t uid, bool serving, std::int64_t term) {
    TabletStats stats;
    stats.alias = {"zone1", uid};
    stats.target = {"ks", "0", TabletType::kPrimary};
    stats.up = true;
    stats.serving = serving;
    stats.tablet_externally_reparented_timestamp = term;
    buffer_->StatsUpdate(stats);
  }
  bool Holds() {
    return buffer_->GetShardStats("ks", "0").value().state == failover::State::kBuffering;
  }
  State StateNow() { return feed_->State("ks", "0").value(); }

  static constexpr char kNow[] = R"({"leader":"n1","member":"n2"})";
  const std::string kPrefix = "/service/batman/";
  FakeEtcd etcd_;
  std::unique_ptr<Buffer> buffer_;
  topology::PatroniFeedOptions options_;
  std::unique_ptr<topology::PatroniFeed> feed_;

 private:
  bool AwaitChange(const std::function<bool()>& condition) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, kPatience, condition);
  }
  void Note(std::string line) {
    const std::lock_guard<std::mutex> lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  std::vector<std::string> LinesWith(const std::string& part) const {
    std::vector<std::string> found;
    for (const std::string& line : lines_) {
      if (line.find(part) != std::string::npos) found.push_back(line);
    }
    return found;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, State> states_;
  std::vector<std::string> transitions_;
  std::vector<std::string> lines_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_UNIT_TOPOLOGY_FEED_TEST_H_

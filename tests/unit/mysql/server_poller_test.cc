// What needs more control than a whole monitor gives: the look-up of names.
#include "mysql/server_poller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "support/fake_mysql_server.h"
#include "support/patience.h"

namespace failover::mysql::internal {
namespace {

using testing::HasSubstr;

constexpr int kPatienceMs = std::chrono::milliseconds(test::kPatience).count();

// A name service whose answer can be changed, and held back.
class FakeNames {
 public:
  void Set(Addresses answer) {
    const std::lock_guard<std::mutex> lock(mutex_);
    answer_ = std::move(answer);
  }
  void Hold(bool held) {
    const std::lock_guard<std::mutex> lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  Addresses Resolve() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++asked_;
    changed_.wait(lock, [this] { return !held_; });
    return answer_;
  }
  int asked() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return asked_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Addresses answer_;
  bool held_ = false;
  int asked_ = 0;
};

class ServerPollerTest : public testing::Test {
 protected:
  ServerPollerTest() {
    MonitoredServer server;
    server.host = "db.example";
    server.port = fake_.port();
    server.user = "monitor";
    // What the other threads use lives as long as they do.
    poller_ = std::make_unique<ServerPoller>(
        server,
        [state = state_] {
          const std::lock_guard<std::mutex> lock(state->mutex);
          state->lookup_ended = true;
          state->changed.notify_all();
        },
        [state = state_](const std::string&) { return state->names.Resolve(); });
  }

  // Of a poll that has all the time it needs.
  Observation Poll() {
    poller_->Begin();
    Finish();
    return poller_->observation();
  }

  void Finish() {
    while (poller_->busy()) {
      pollfd event = poller_->event();
      if (event.fd < 0) {
        std::unique_lock<std::mutex> lock(state_->mutex);
        state_->changed.wait(lock, [this] { return std::exchange(state_->lookup_ended, false); });
      } else {
        ASSERT_EQ(poll(&event, 1, kPatienceMs), 1);
      }
      poller_->Continue(event.revents);
    }
  }

  FakeNames& names() { return state_->names; }

  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool lookup_ended = false;
    FakeNames names;
  };

  FakeServer fake_{{}};
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::unique_ptr<ServerPoller> poller_;
};

TEST_F(ServerPollerTest, NameIsLookedUpForEachConnectionOnly) {
  names().Set({{"127.0.0.1"}, ""});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Poll().seen, Seen::kWritable);
  EXPECT_EQ(names().asked(), 1);
  fake_.DropConnection();
  EXPECT_EQ(Poll().seen, Seen::kWritable);
  EXPECT_EQ(names().asked(), 2);
}

TEST_F(ServerPollerTest, EachAddressIsTried) {
  // TCP to the broadcast address fails at once.
  names().Set({{"255.255.255.255", "127.0.0.1"}, ""});
  EXPECT_EQ(Poll().seen, Seen::kWritable);
}

TEST_F(ServerPollerTest, NameThatIsNotFoundIsUnreachable) {
  names().Set({{}, "no such name"});
  const Observation found = Poll();
  EXPECT_EQ(found.seen, Seen::kUnreachable);
  EXPECT_EQ(found.problem, "its address was not found: no such name");
}

TEST_F(ServerPollerTest, LastAddressesAreUsedWhenTheNameServiceFails) {
  names().Set({{"127.0.0.1"}, ""});
  EXPECT_EQ(Poll().seen, Seen::kWritable);
  names().Set({{}, "name service is down"});
  fake_.DropConnection();
  EXPECT_EQ(Poll().seen, Seen::kWritable);
  EXPECT_EQ(names().asked(), 2);
}

TEST_F(ServerPollerTest, LookUpThatHangsIsNotStartedTwice) {
  names().Set({{"127.0.0.1"}, ""});
  names().Hold(true);
  for (int i = 0; i < 3; ++i) {
    poller_->Begin();
    EXPECT_TRUE(poller_->busy());
    EXPECT_LT(poller_->event().fd, 0);
    poller_->Continue(0);
    EXPECT_TRUE(poller_->busy());
    poller_->Expire();
    EXPECT_FALSE(poller_->busy());
    EXPECT_EQ(poller_->observation().seen, Seen::kHung);
    EXPECT_THAT(poller_->observation().problem, HasSubstr("address was not found in time"));
  }
  names().Hold(false);
  EXPECT_EQ(Poll().seen, Seen::kWritable);
  EXPECT_EQ(names().asked(), 1);
}

TEST_F(ServerPollerTest, MayEndWhileALookUpHangs) {
  names().Hold(true);
  poller_->Begin();
  poller_.reset();
  names().Hold(false);
}

TEST_F(ServerPollerTest, MayEndWhileTheServerHangs) {
  names().Set({{"127.0.0.1"}, ""});
  EXPECT_EQ(Poll().seen, Seen::kWritable);
  fake_.Set({FakeServer::Mode::kHang, "0", "0", false, true});
  poller_->Begin();
  EXPECT_TRUE(poller_->busy());
  poller_.reset();
}

}  // namespace
}  // namespace failover::mysql::internal

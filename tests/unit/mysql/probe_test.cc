// The look-up of names, which needs more control over the probe than a whole monitor gives.
#include "mysql/probe.h"

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

// A name service whose answer the test can change and hold back. Thread-safe.
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

class ProbeTest : public testing::Test {
 protected:
  ProbeTest() {
    MonitoredServer server;
    server.host = "db.example";
    server.port = fake_.port();
    server.user = "monitor";
    // A thread of a look-up may outlive the test, so the state of the test lives as long as the
    // thread.
    probe_ = std::make_unique<Probe>(
        server,
        [state = state_] {
          const std::lock_guard<std::mutex> lock(state->mutex);
          state->woken_up = true;
          state->changed.notify_all();
        },
        [state = state_](const std::string&) { return state->names.Resolve(); });
  }

  // The result of a check that has all the time it needs.
  Observation Poll() {
    probe_->Begin();
    Finish();
    return probe_->observation();
  }

  void Finish() {
    while (probe_->busy()) {
      pollfd event = probe_->event();
      if (event.fd < 0) {
        std::unique_lock<std::mutex> lock(state_->mutex);
        ASSERT_TRUE(state_->changed.wait_for(
            lock, test::kPatience, [this] { return std::exchange(state_->woken_up, false); }));
      } else {
        ASSERT_EQ(poll(&event, 1, kPatienceMs), 1);
      }
      probe_->Continue(event.revents);
    }
  }

  FakeNames& names() { return state_->names; }

  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool woken_up = false;
    FakeNames names;
  };

  FakeServer fake_{{}};
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::unique_ptr<Probe> probe_;
};

TEST_F(ProbeTest, NameIsLookedUpForEachConnectionOnly) {
  names().Set({{"127.0.0.1"}, ""});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Poll().seen, Seen::kWritable);
  EXPECT_EQ(names().asked(), 1);
  fake_.DropConnection();
  EXPECT_EQ(Poll().seen, Seen::kWritable);
  EXPECT_EQ(names().asked(), 2);
}

TEST_F(ProbeTest, EachAddressIsTried) {
  // A TCP connection to the broadcast address fails at once.
  names().Set({{"255.255.255.255", "127.0.0.1"}, ""});
  EXPECT_EQ(Poll().seen, Seen::kWritable);
}

TEST_F(ProbeTest, NameThatIsNotFoundIsUnreachable) {
  names().Set({{}, "no such name"});
  const Observation found = Poll();
  EXPECT_EQ(found.seen, Seen::kUnreachable);
  EXPECT_EQ(found.problem, "its address was not found: no such name");
}

TEST_F(ProbeTest, LastAddressesAreUsedWhenTheNameServiceFails) {
  names().Set({{"127.0.0.1"}, ""});
  EXPECT_EQ(Poll().seen, Seen::kWritable);
  names().Set({{}, "name service is down"});
  fake_.DropConnection();
  EXPECT_EQ(Poll().seen, Seen::kWritable);
  EXPECT_EQ(names().asked(), 2);
}

TEST_F(ProbeTest, LookUpThatHangsIsNotStartedTwice) {
  names().Set({{"127.0.0.1"}, ""});
  names().Hold(true);
  for (int i = 0; i < 3; ++i) {
    probe_->Begin();
    EXPECT_TRUE(probe_->busy());
    EXPECT_LT(probe_->event().fd, 0);
    probe_->Continue(0);
    EXPECT_TRUE(probe_->busy());
    probe_->Expire();
    EXPECT_FALSE(probe_->busy());
    // A name service that hangs is the router's own trouble.
    EXPECT_EQ(probe_->observation().seen, Seen::kUnknown);
    EXPECT_THAT(probe_->observation().problem, HasSubstr("address was not found in time"));
  }
  names().Hold(false);
  EXPECT_EQ(Poll().seen, Seen::kWritable);
  EXPECT_EQ(names().asked(), 1);
}

TEST_F(ProbeTest, NameServiceThatDoesNotAnswerSaysNothingAboutTheServer) {
  names().Set({{}, "try again", true});
  const Observation found = Poll();
  EXPECT_EQ(found.seen, Seen::kUnknown);
  EXPECT_THAT(found.problem, HasSubstr("its address was not found: try again"));
}

TEST_F(ProbeTest, LastAddressesAreUsedWhileTheNameServiceHangs) {
  names().Set({{"127.0.0.1"}, ""});
  EXPECT_EQ(Poll().seen, Seen::kWritable);
  names().Hold(true);
  fake_.DropConnection();
  probe_->Begin();
  // The probe has to notice that its connection is gone, and then waits for the look-up.
  while (probe_->busy() && probe_->event().fd >= 0) {
    pollfd event = probe_->event();
    ASSERT_EQ(poll(&event, 1, kPatienceMs), 1);
    probe_->Continue(event.revents);
  }
  ASSERT_TRUE(probe_->busy());
  probe_->Expire();
  EXPECT_EQ(probe_->observation().seen, Seen::kUnknown);
  EXPECT_EQ(Poll().seen, Seen::kWritable);
  names().Hold(false);
}

TEST_F(ProbeTest, MayEndWhileALookUpHangs) {
  names().Hold(true);
  probe_->Begin();
  probe_.reset();
  names().Hold(false);
}

TEST_F(ProbeTest, MayEndWhileTheServerHangs) {
  names().Set({{"127.0.0.1"}, ""});
  EXPECT_EQ(Poll().seen, Seen::kWritable);
  fake_.Set({FakeServer::Mode::kHang, "0", "0", false, true});
  probe_->Begin();
  EXPECT_TRUE(probe_->busy());
  probe_.reset();
}

}  // namespace
}  // namespace failover::mysql::internal

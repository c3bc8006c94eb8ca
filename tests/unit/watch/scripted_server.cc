#include "scripted_server.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>

#include "support/patience.h"

namespace failover::watch {
namespace {

constexpr std::chrono::seconds kGenerous = test::kPatience;

}  // namespace

struct ScriptedServer::State {
  State(Observation its_found, Way its_way)
      : answered(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        found(std::move(its_found)),
        way(its_way) {
    EXPECT_GE(answered, 0);
  }
  ~State() { close(answered); }

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void SetAnswered() const { static_cast<void>(eventfd_write(answered, 1)); }
  void ClearAnswered() const {
    eventfd_t count = 0;
    static_cast<void>(eventfd_read(answered, &count));
  }

  // Readable while the server has answered and the probe has not taken the answer.
  const int answered;

  // Guards all that follows.
  mutable std::mutex mutex;
  std::condition_variable changed;
  Observation found;
  Way way;
  int begun = 0;
  int checks = 0;
  int expired = 0;
  bool hanging = false;
  bool woken_up = false;
  bool has_probe = false;
};

class ScriptedServer::Probe final : public ServerProbe {
 public:
  Probe(std::shared_ptr<State> state, std::function<void()> wake_up)
      : state_(std::move(state)), wake_up_(std::move(wake_up)) {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->has_probe = true;
  }
  ~Probe() override {
    if (waker_.joinable()) waker_.join();
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->has_probe = false;
  }

  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  void Begin() override {
    EXPECT_FALSE(busy_);
    // The thread of an earlier check may still want the lock.
    if (waker_.joinable()) waker_.join();
    const std::lock_guard<std::mutex> lock(state_->mutex);
    busy_ = true;
    way_ = state_->way;
    ++state_->begun;
    state_->changed.notify_all();
    switch (way_) {
      case Way::kAtOnce:
        return End(state_->found);
      case Way::kByEvent:
        return state_->SetAnswered();
      case Way::kByWakeUp:
        return BeginWakeUp();
      case Way::kNever:
        state_->hanging = true;
        state_->changed.notify_all();
        return;
    }
  }

  bool busy() const override { return busy_; }

  pollfd event() const override {
    if (!busy_ || way_ == Way::kByWakeUp) return {-1, 0, 0};
    return {state_->answered, POLLIN, 0};
  }

  void Continue(int revents) override {
    EXPECT_TRUE(busy_);
    const std::lock_guard<std::mutex> lock(state_->mutex);
    const bool answered = way_ == Way::kByWakeUp ? state_->woken_up : (revents & POLLIN) != 0;
    if (!answered) return;
    state_->ClearAnswered();
    End(state_->found);
  }

  void Expire() override {
    EXPECT_TRUE(busy_);
    const std::lock_guard<std::mutex> lock(state_->mutex);
    ++state_->expired;
    End({Seen::kHung, false, "the script does not answer"});
  }

  const Observation& observation() const override {
    EXPECT_FALSE(busy_);
    return observation_;
  }

 private:
  void BeginWakeUp() {
    state_->woken_up = false;
    waker_ = std::thread([state = state_, wake_up = wake_up_] {
      {
        const std::lock_guard<std::mutex> lock(state->mutex);
        state->woken_up = true;
      }
      wake_up();
    });
  }

  void End(Observation found) {
    observation_ = std::move(found);
    busy_ = false;
    state_->hanging = false;
    ++state_->checks;
    state_->changed.notify_all();
  }

  const std::shared_ptr<State> state_;
  const std::function<void()> wake_up_;
  // These belong to the thread that drives the probe.
  bool busy_ = false;
  Way way_ = Way::kAtOnce;
  Observation observation_;
  std::thread waker_;
};

ScriptedServer::ScriptedServer(Observation found, Way way)
    : state_(std::make_shared<State>(std::move(found), way)) {}

void ScriptedServer::Set(Observation found) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->found = std::move(found);
}

void ScriptedServer::Set(Way way) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->way = way;
}

void ScriptedServer::Answer() { state_->SetAnswered(); }

bool ScriptedServer::AwaitChecks(int more) {
  std::unique_lock<std::mutex> lock(state_->mutex);
  const int enough = state_->checks + more;
  return state_->changed.wait_for(lock, kGenerous, [&] { return state_->checks >= enough; });
}

bool ScriptedServer::AwaitHangingCheck() {
  std::unique_lock<std::mutex> lock(state_->mutex);
  return state_->changed.wait_for(lock, kGenerous, [&] { return state_->hanging; });
}

bool ScriptedServer::AwaitBegun(int total) {
  std::unique_lock<std::mutex> lock(state_->mutex);
  return state_->changed.wait_for(lock, kGenerous, [&] { return state_->begun >= total; });
}

int ScriptedServer::begun() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->begun;
}

int ScriptedServer::checks() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->checks;
}

int ScriptedServer::expired() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->expired;
}

bool ScriptedServer::has_probe() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->has_probe;
}

ProbeFactory ScriptedServer::factory() const {
  return [state = state_](const std::function<void()>& wake_up) {
    return std::make_unique<Probe>(state, wake_up);
  };
}

}  // namespace failover::watch

#include "sync_points.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/sync_point.h"
#include "support/patience.h"

namespace failover::test {
namespace {

// The points at which the library itself is about to wait for another thread.
bool Blocks(std::string_view point) {
  return point == "condition:waits" || point == "wait:before-block" ||
         point == "service:before-join";
}

}  // namespace

struct StopAt::State {
  const std::string point;
  // Guarded by the mutex of all points.
  int passes = 0;
  bool reached = false;
  bool let_go = false;
  // The step that stands here.
  Step* step = nullptr;
};

// The state that the test shares with the threads that come by a point. It lives as long as the
// program.
class Crossing {
 public:
  static Crossing& Get() {
    static auto* const crossing = new Crossing;
    return *crossing;
  }

  void Add(std::shared_ptr<StopAt::State> stop) {
    const std::lock_guard<std::mutex> lock(mutex_);
    internal::sync_point_hook.store(&ComeBy, std::memory_order_release);
    stops_.push_back(std::move(stop));
  }

  void Remove(const std::shared_ptr<StopAt::State>& stop) {
    const std::lock_guard<std::mutex> lock(mutex_);
    stops_.erase(std::find(stops_.begin(), stops_.end(), stop));
  }

  void Begin(Step* step) {
    internal::sync_point_hook.store(&ComeBy, std::memory_order_release);
    this_step = step;
  }

  void End(Step* step) {
    const std::lock_guard<std::mutex> lock(mutex_);
    step->ended_ = true;
    changed_.notify_all();
  }

  void LetGo(StopAt::State* stop) {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop->let_go = true;
    // The step counts as running from this moment on, not only when its thread notices: a later
    // question is about what the thread does next. At a point where the library is about to wait,
    // the step goes on standing.
    Step* const step = std::exchange(stop->step, nullptr);
    if (step != nullptr && !Blocks(stop->point)) step->stands_ = false;
    changed_.notify_all();
  }

  template <typename Condition>
  bool Await(Condition condition) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, kPatience, condition);
  }

  template <typename T>
  T Read(const T* value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return *value;
  }

 private:
  static void ComeBy(std::string_view point) { Get().Stop(point); }

  void Stop(std::string_view point) {
    Step* const step = this_step;
    std::unique_lock<std::mutex> lock(mutex_);
    if (step != nullptr && Blocks(point)) {
      step->stands_ = true;
      ++step->waits_;
      changed_.notify_all();
    }
    const auto at_point = [point](const std::shared_ptr<StopAt::State>& stop) {
      return stop->point == point && !stop->reached && !stop->let_go;
    };
    const auto found = std::find_if(stops_.begin(), stops_.end(), at_point);
    if (found == stops_.end()) return;
    const std::shared_ptr<StopAt::State> stop = *found;
    if (stop->passes > 0) {
      --stop->passes;
      return;
    }
    stop->reached = true;
    stop->step = step;
    if (step != nullptr) step->stands_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return stop->let_go; });
  }

  static thread_local Step* this_step;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<StopAt::State>> stops_;
};

thread_local Step* Crossing::this_step = nullptr;

StopAt::StopAt(std::string_view point, int passes) : state_(new State{std::string(point), passes}) {
  Crossing::Get().Add(state_);
}

StopAt::~StopAt() {
  LetGo();
  Crossing::Get().Remove(state_);
}

bool StopAt::Await() {
  return Crossing::Get().Await([this] { return state_->reached; });
}

bool StopAt::reached() { return Crossing::Get().Read(&state_->reached); }

void StopAt::LetGo() { Crossing::Get().LetGo(state_.get()); }

Step::Step(std::function<void()> operation)
    : thread_([this, operation = std::move(operation)] {
        Crossing::Get().Begin(this);
        operation();
        Crossing::Get().End(this);
      }) {}

Step::~Step() {
  if (thread_.joinable()) thread_.join();
}

bool Step::EndsOrStands() {
  return Crossing::Get().Await([this] { return ended_ || stands_; });
}

int Step::waits() { return Crossing::Get().Read(&waits_); }

bool Step::AwaitWaits(int times) {
  return Crossing::Get().Await([this, times] { return waits_ >= times; });
}

bool Step::Join() {
  if (!Crossing::Get().Await([this] { return ended_; })) return false;
  if (thread_.joinable()) thread_.join();
  return true;
}

bool Step::ended() { return Crossing::Get().Read(&ended_); }

}  // namespace failover::test

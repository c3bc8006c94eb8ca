// A router on an event loop, without any thread of the library (Threading::kManual). The loop polls
// the Buffer when the Buffer has something to do. If the Buffer has something to do earlier than it
// last said, it wakes the loop through an eventfd.

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "failover/attempt_of.h"
#include "failover/buffer.h"
#include "failover/retry_steps.h"
#include "toy_primary.h"

namespace {

// The event loop of the router, as small as possible: a list of tasks, and a descriptor that wakes
// the loop.
class EventLoop {
 public:
  EventLoop() : wakeup_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~EventLoop() { close(wakeup_fd_); }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void Post(std::function<void()> task) { tasks_.push_back(std::move(task)); }

  // Wakes the loop. Any thread may call this function.
  void Wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wakeup_fd_, &one, sizeof(one));
  }

  void RunOnce(failover::Buffer& buffer) {
    while (!tasks_.empty()) {
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
    const absl::Duration idle_for = buffer.Poll();
    if (!tasks_.empty()) return;
    // The time is rounded up, so that the loop does not come back just before something is due.
    const absl::Duration wait =
        std::min(absl::Ceil(idle_for, absl::Milliseconds(1)), absl::Duration(absl::Hours(1)));
    pollfd descriptor{wakeup_fd_, POLLIN, 0};
    if (poll(&descriptor, 1, static_cast<int>(absl::ToInt64Milliseconds(wait))) > 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t got = read(wakeup_fd_, &count, sizeof(count));
    }
  }

 private:
  const int wakeup_fd_;
  std::deque<std::function<void()>> tasks_;
};

// The query of one client. The object lives until the answer was sent.
class Query {
 public:
  Query(failover::Buffer& buffer, failover::ShardHandle shard, ToyPrimary& primary)
      : buffer_(buffer), shard_(shard), primary_(primary) {}

  bool answered() const { return answered_; }
  const absl::Status& result() const { return steps_.result(); }

  void Start() { GoOn(steps_.Start(Now(), {})); }

 private:
  using Step = failover::RetrySteps::Step;

  static absl::Time Now() { return failover::Clock::Steady().Now(); }

  void GoOn(Step step) {
    if (step == Step::kWait) return Wait();
    if (step == Step::kAttempt) return Try();
    answered_ = true;
  }

  void Try() {
    const absl::Status status = primary_.Execute();
    GoOn(steps_.AttemptEnded(Now(), status, failover::AttemptOf(buffer_, status)));
  }

  void Wait() {
    absl::StatusOr<failover::BufferedRequest> held = buffer_.WaitForFailoverEndAsync(
        steps_.context(Now()), shard_, failover::TakeLastAttempt(buffer_, steps_),
        [this](absl::StatusOr<failover::RetryDoneFunc> done) {
          GoOn(steps_.WaitEnded(Now(), std::move(done)));
        });
    if (!held.ok()) return GoOn(steps_.WaitEnded(held.status()));
    held_ = *std::move(held);  // destroying the query frees its slot in the Buffer
    if (!held_) GoOn(steps_.WaitEnded(failover::RetryDoneFunc()));
  }

  failover::Buffer& buffer_;
  const failover::ShardHandle shard_;
  ToyPrimary& primary_;
  failover::RetrySteps steps_;
  failover::BufferedRequest held_;
  bool answered_ = false;
};

}  // namespace

int main() {
  EventLoop loop;
  failover::BufferOptions options;
  options.threading = failover::Threading::kManual;
  options.wakeup = [&loop] { loop.Wake(); };
  absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer = failover::Buffer::Create(options);
  if (!buffer.ok()) return 1;
  const failover::ShardHandle shard = (*buffer)->GetShard("commerce", "-80");
  ToyPrimary primary;
  (*buffer)->StatsUpdate(primary.Report());

  primary.BeginSwitchover();
  std::vector<std::unique_ptr<Query>> queries;
  for (int i = 0; i < 4; ++i) {
    queries.push_back(std::make_unique<Query>(**buffer, shard, primary));
    loop.Post([query = queries.back().get()] { query->Start(); });
  }
  loop.Post([&] {
    primary.EndSwitchover();
    (*buffer)->StatsUpdate(primary.Report());
  });

  const auto all_answered = [&queries] {
    return std::all_of(queries.begin(), queries.end(),
                       [](const std::unique_ptr<Query>& query) { return query->answered(); });
  };
  while (!all_answered()) loop.RunOnce(**buffer);
  const auto succeeded =
      std::count_if(queries.begin(), queries.end(),
                    [](const std::unique_ptr<Query>& query) { return query->result().ok(); });
  std::printf("%d of %d queries succeeded\n", static_cast<int>(succeeded),
              static_cast<int>(queries.size()));
  return succeeded == static_cast<std::ptrdiff_t>(queries.size()) ? 0 : 1;
}

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

#include "failover/buffer.h"
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
  const absl::Status& result() const { return result_; }

  // Makes one attempt. `error` says how the previous attempt ended, and is OK for the first
  // attempt.
  void Attempt(const absl::Status& error) {
    absl::StatusOr<failover::BufferedRequest> held = buffer_.WaitForFailoverEndAsync(
        {}, shard_, error, [this](absl::StatusOr<failover::RetryDoneFunc> done) {
          if (!done.ok()) return Answer(done.status());
          was_held_ = true;
          const absl::Status result = primary_.Execute();
          (*done)(result);
          Answer(result);
        });
    if (!held.ok()) return Answer(held.status());
    held_ = *std::move(held);  // destroying the query frees its slot in the Buffer
    if (held_) return;
    const absl::Status result = primary_.Execute();
    // A query is held at most once, and only if it was certainly not executed.
    if (buffer_.IsFailover(result) && !was_held_ && error.ok()) return Attempt(result);
    Answer(result);
  }

 private:
  void Answer(const absl::Status& result) {
    result_ = result;
    answered_ = true;
  }

  failover::Buffer& buffer_;
  const failover::ShardHandle shard_;
  ToyPrimary& primary_;
  failover::BufferedRequest held_;
  bool was_held_ = false;
  bool answered_ = false;
  absl::Status result_;
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
    loop.Post([query = queries.back().get()] { query->Attempt(absl::OkStatus()); });
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

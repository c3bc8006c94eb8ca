// A router on an event loop (epoll), without any thread of the library (Threading::kManual). The
// loop polls the Buffer when the Buffer has something to do. If the Buffer has something to do
// earlier than it last said, it wakes the loop through an eventfd. A PrimaryTable says where a
// statement goes. Clients hang up, and the shutdown waits for the last answers.

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "failover/attempt_of.h"
#include "failover/buffer.h"
#include "failover/retry_steps.h"
#include "failover/watch/primary_table.h"
#include "toy_servers.h"

namespace {

// The event loop of the router, as small as possible: a list of tasks, and a descriptor that wakes
// the loop. The sockets of a real router are in the same epoll.
class EventLoop {
 public:
  EventLoop() {
    epoll_event event{};
    event.events = EPOLLIN;
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wakeup_fd_, &event);
  }
  ~EventLoop() {
    close(wakeup_fd_);
    close(epoll_fd_);
  }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void Post(std::function<void()> task) { tasks_.push_back(std::move(task)); }
  // Any thread may call this function.
  void Wake() const { eventfd_write(wakeup_fd_, 1); }

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
        std::min(absl::Ceil(idle_for, absl::Milliseconds(1)), absl::Duration(absl::Seconds(1)));
    epoll_event event{};
    eventfd_t count = 0;
    if (epoll_wait(epoll_fd_, &event, 1, static_cast<int>(absl::ToInt64Milliseconds(wait))) > 0) {
      eventfd_read(wakeup_fd_, &count);
    }
  }

 private:
  const int epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  const int wakeup_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::deque<std::function<void()>> tasks_;
};

class Query;

// What the queries use. All of it belongs to the thread of the loop.
struct Router {
  EventLoop loop;
  ToyServers servers;
  std::unique_ptr<failover::Buffer> buffer;
  std::unique_ptr<failover::watch::PrimaryTable> table;
  failover::ShardHandle shard;
  std::map<int, std::unique_ptr<Query>> queries;  // by client
  int succeeded = 0;
};

// The query of one client. The object lives until its answer was sent, or its client hangs up.
class Query {
 public:
  Query(Router& router, int client) : router_(router), client_(client) {}

  void Start() { GoOn(steps_.Start(router_.buffer->Now(), {})); }

 private:
  using Step = failover::RetrySteps::Step;

  void GoOn(Step step) {
    if (step == Step::kWait) return Wait();
    if (step == Step::kAttempt) return Send();
    router_.succeeded += steps_.result().ok() ? 1 : 0;
    router_.queries.erase(client_);  // destroys *this, also inside its own callback
  }

  void Wait() {
    absl::StatusOr<failover::BufferedRequest> held = router_.buffer->WaitForFailoverEndAsync(
        steps_.context(router_.buffer->Now()), router_.shard,
        failover::TakeLastAttempt(*router_.buffer, steps_),
        [this](absl::StatusOr<failover::RetryDoneFunc> done) {
          GoOn(steps_.WaitEnded(router_.buffer->Now(), std::move(done)));
        });
    if (!held.ok()) return GoOn(steps_.WaitEnded(held.status()));
    held_ = *std::move(held);  // destroying the query frees its slot in the Buffer
    if (!held_) GoOn(steps_.WaitEnded(held_.TakeToken()));
  }

  // The answer comes later. If the client has hung up by then, nothing is repeated for it.
  void Send() {
    const auto primary = router_.table->PrimaryOf("commerce", "-80");
    const absl::Status status =
        router_.servers.Execute(primary.has_value() ? primary->address : "");
    router_.loop.Post([&router = router_, client = client_, status] {
      const auto query = router.queries.find(client);
      if (query != router.queries.end()) query->second->OnAnswer(status);
    });
  }

  void OnAnswer(const absl::Status& status) {
    GoOn(steps_.AttemptEnded(router_.buffer->Now(), status,
                             failover::AttemptOf(*router_.buffer, status)));
  }

  Router& router_;
  const int client_;
  failover::RetrySteps steps_;
  failover::BufferedRequest held_;
};

}  // namespace

int main() {
  Router router;
  failover::BufferOptions options;
  options.threading = failover::Threading::kManual;
  options.wakeup = [&router] { router.loop.Wake(); };
  auto buffer = failover::Buffer::Create(options);
  if (!buffer.ok()) return 1;
  router.buffer = *std::move(buffer);
  router.table = std::make_unique<failover::watch::PrimaryTable>(router.buffer.get());
  router.shard = router.buffer->GetShard("commerce", "-80");
  if (!router.servers.Check(*router.table).ok()) return 1;

  router.servers.Promote("");  // a switchover begins: no server takes writes
  for (int client = 0; client < 6; ++client) {
    const auto query = router.queries.emplace(client, std::make_unique<Query>(router, client));
    query.first->second->Start();
  }
  router.queries.erase(4);                                   // hangs up before the refusal comes
  router.loop.Post([&router] { router.queries.erase(5); });  // hangs up while it is held
  bool is_shut_down = false;
  router.loop.Post([&] {
    router.servers.Promote("10.0.0.2:3306");  // the switchover ends
    router.servers.Check(*router.table).IgnoreError();
    router.buffer->BeginShutdown([&is_shut_down] { is_shut_down = true; });
  });
  // A retry that is refused again goes on after the Buffer is shut down, and a retry may hang. So
  // the router waits for its last query, too, but only until a deadline.
  const absl::Time deadline = router.buffer->Now() + absl::Seconds(60);
  while (!(is_shut_down && router.queries.empty()) && router.buffer->Now() < deadline) {
    router.loop.RunOnce(*router.buffer);
  }
  std::printf("%d of 4 queries succeeded, 2 clients hung up\n", router.succeeded);
  return router.succeeded == 4 && router.queries.empty() ? 0 : 1;
}

// A router on libuv. The loop has an Inbox: the Buffer's service thread wakes the loop with
// uv_async_send, and the callbacks of the held queries run on the loop. A router with several loops
// has an Inbox for each. A client that hangs up destroys its query, and so frees its slot at once.

#include <uv.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "failover/attempt_of.h"
#include "failover/buffer.h"
#include "failover/inbox.h"
#include "failover/retry_steps.h"
#include "toy_primary.h"

namespace {

constexpr int kClients = 100;
constexpr int kHangUps = 10;

// A loop of libuv with the inbox in which the callbacks of its queries run.
class Loop {
 public:
  Loop() : inbox_(std::make_unique<failover::Inbox>([this] { uv_async_send(&bell_); })) {
    uv_loop_init(&loop_);
    uv_async_init(&loop_, &bell_, [](uv_async_t* bell) { static_cast<Loop*>(bell->data)->Poll(); });
    bell_.data = this;
    // The first Poll says which thread is the inbox's own.
    Poll();
  }
  ~Loop() { uv_loop_close(&loop_); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void Run() { uv_run(&loop_, UV_RUN_DEFAULT); }
  // Run returns when no handle is left. The inbox goes first: it may still ring the bell.
  void Close() {
    inbox_.reset();
    uv_close(reinterpret_cast<uv_handle_t*>(&bell_), nullptr);
  }

  uv_loop_t* uv() { return &loop_; }
  failover::Inbox* inbox() { return inbox_.get(); }

 private:
  void Poll() {
    while (inbox_ != nullptr && inbox_->Poll()) {
    }
  }

  uv_loop_t loop_;
  uv_async_t bell_;
  std::unique_ptr<failover::Inbox> inbox_;
};

struct Router {
  Loop& loop;
  failover::Buffer& buffer;
  const failover::ShardHandle shard;
  ToyPrimary primary;
  std::vector<std::unique_ptr<class Query>> queries;
  int answers = 0;
  int errors = 0;
};

// The query of one client. The object lives until the client has its answer or hangs up.
class Query {
 public:
  explicit Query(Router& router) : router_(router) {}

  void Start() {
    failover::RequestContext context;
    context.inbox = router_.loop.inbox();
    GoOn(steps_.Start(Now(), context));
  }

 private:
  using Step = failover::RetrySteps::Step;

  static absl::Time Now() { return failover::Clock::Steady().Now(); }

  void GoOn(Step step) {
    if (step == Step::kWait) return Wait();
    if (step == Step::kAttempt) return Try();
    if (!steps_.result().ok()) ++router_.errors;
    if (++router_.answers == kClients - kHangUps) router_.loop.Close();
  }

  void Try() {
    const absl::Status status = router_.primary.Execute();
    GoOn(steps_.AttemptEnded(Now(), status, failover::AttemptOf(router_.buffer, status)));
  }

  void Wait() {
    absl::StatusOr<failover::BufferedRequest> held = router_.buffer.WaitForFailoverEndAsync(
        steps_.context(Now()), router_.shard, failover::TakeLastAttempt(router_.buffer, steps_),
        [this](absl::StatusOr<failover::RetryDoneFunc> done) {
          GoOn(steps_.WaitEnded(Now(), std::move(done)));
        });
    if (!held.ok()) return GoOn(steps_.WaitEnded(held.status()));
    held_ = *std::move(held);
    if (!held_) GoOn(steps_.WaitEnded(failover::RetryDoneFunc()));
  }

  Router& router_;
  failover::RetrySteps steps_;
  failover::BufferedRequest held_;
};

// The switchover is over: the health check has found that the primary takes writes again.
void OnHealthCheck(uv_timer_t* timer) {
  auto& router = *static_cast<Router*>(timer->data);
  router.primary.EndSwitchover();
  router.buffer.StatsUpdate(router.primary.Report());
  uv_close(reinterpret_cast<uv_handle_t*>(timer), nullptr);
}

}  // namespace

int main() {
  const absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer = failover::Buffer::Create({});
  if (!buffer.ok()) return 1;
  Loop loop;
  Router router{loop, **buffer, (*buffer)->GetShard("commerce", "-80"), {}, {}};
  router.buffer.StatsUpdate(router.primary.Report());

  router.primary.BeginSwitchover();
  for (int i = 0; i < kClients; ++i) {
    router.queries.push_back(std::make_unique<Query>(router));
    router.queries.back()->Start();
  }
  std::for_each_n(router.queries.begin(), kHangUps, [](auto& query) { query.reset(); });
  uv_timer_t health_check;
  uv_timer_init(loop.uv(), &health_check);
  health_check.data = &router;
  uv_timer_start(&health_check, OnHealthCheck, 10, 0);
  loop.Run();
  std::printf("%d queries succeeded, %d failed, %d clients hung up\n",
              router.answers - router.errors, router.errors, kHangUps);
  return router.errors == 0 && router.answers == kClients - kHangUps ? 0 : 1;
}

#include "scene.h"

#include <gtest/gtest.h>

#include <utility>

#include "detached.h"
#include "failover/coroutine.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

constexpr absl::Duration kWindow = absl::Seconds(10);
// The first, the second, the third, the thread and the coroutine: one more evicts the oldest.
constexpr int kSize = 5;
// In a drain each round lets one more go.
constexpr int kRounds = kSize + 2;

Detached AwaitEnd(Buffer& buffer, ShardHandle shard, std::atomic<int>* ends) {
  // Its token ends the retry at once.
  const absl::StatusOr<RetryDoneFunc> done =
      co_await AwaitFailoverEnd(buffer, {}, shard, FailoverError());
  ++*ends;
}

}  // namespace

Scene::Scene(Phase phase) {
  BufferOptions options;
  options.size = kSize;
  options.window = kWindow;
  options.threading = Threading::kManual;
  options.clock = &clock_;
  options.wakeup = [this] { loop_.Wake(); };
  buffer_ = *Buffer::Create(std::move(options));
  shard_ = buffer_->GetShard("ks", "0");
  first_.Submit(*buffer_, shard_, FailoverError());
  if (phase == Phase::kBuffering) FireTimers();
  second_.Submit(*buffer_, shard_, absl::OkStatus());
  third_.Submit(*buffer_, shard_, absl::OkStatus());
  SubmitBlocked();
  AwaitEnd(*buffer_, shard_, &coroutine_ends_);
  if (phase == Phase::kDraining) ReportNewPrimary();
  loop_.Run(*buffer_);
  EXPECT_EQ(first_.runs(), 1);
}

void Scene::SubmitBlocked() {
  blocked_.emplace([this] {
    RequestContext context;
    context.cancellation = &cancellation_;
    // Its token ends the retry at once.
    buffer_->WaitForFailoverEnd(context, shard_, FailoverError()).IgnoreError();
  });
  EXPECT_TRUE(blocked_->EndsOrStands());
}

void Scene::Submit() { late_.at(late_submitted_++).Submit(*buffer_, shard_, FailoverError()); }

void Scene::FireTimers() {
  clock_.Advance(kWindow);
  loop_.Run(*buffer_);
}

void Scene::ReportNewPrimary() { buffer_->StatsUpdate(PrimaryReport(1, true, 1)); }

void Scene::EndRetry() {
  if (!first_ended_.exchange(true)) first_.EndRetry();
}

void Scene::EndKeyspaceEvent() {
  KeyspaceEvent event;
  event.keyspace = "ks";
  event.shards.push_back({{}, {"ks", "0", TabletType::kPrimary}, /*serving=*/false});
  buffer_->HandleKeyspaceEvent(event);
}

void Scene::Start() { buffer_->StartBuffering(shard_, "a test"); }

void Scene::Stop() { buffer_->StopBuffering(shard_); }

void Scene::Shutdown() {
  buffer_->Shutdown();
  if (shut_down_.exchange(true)) return;
  ends_after_shutdown_ = ends();
  wakes_after_shutdown_ = loop_.wakes();
}

int Scene::ends() const {
  int sum = coroutine_ends_;
  for (const RacingRequest* const request : {&first_, &second_, &third_, &late_[0], &late_[1]}) {
    sum += request->runs();
  }
  return sum;
}

void Scene::EndRetries() {
  for (int round = 0; round < kRounds; ++round) {
    EndRetry();
    for (RacingRequest* const request : {&second_, &third_, &late_[0], &late_[1]})
      request->EndRetry();
    loop_.Run(*buffer_);
  }
}

void Scene::ExpectLaws() {
  const BufferStats stats = buffer_->Stats();
  const ShardStats& shard = stats.shards.at(0);
  EXPECT_EQ(shard.requests_buffered,
            shard.requests_drained + Sum(shard.requests_evicted) + shard.requests_held);
  EXPECT_EQ(stats.slots_free + shard.requests_held + shard.requests_retrying, stats.size);
  EXPECT_EQ(stats.slots_free, stats.size);
  EXPECT_EQ(shard.state, State::kIdle);
}

Scene::~Scene() {
  Stop();
  EndRetries();
  EXPECT_TRUE(blocked_->Join()) << "the blocked caller does not return";
  EndRetries();
  ExpectLaws();
  EXPECT_EQ(coroutine_ends_, 1);
  Shutdown();
  EXPECT_EQ(ends_after_shutdown_, ends()) << "something ran after Shutdown returned";
  EXPECT_EQ(wakes_after_shutdown_, loop_.wakes()) << "a wake-up came after Shutdown returned";
  ExpectLaws();
  buffer_.reset();
  first_.ExpectOneOutcome("the first request");
  second_.ExpectOneOutcome("the second request");
  third_.ExpectOneOutcome("the third request");
  late_[0].ExpectOneOutcome("the late request");
  late_[1].ExpectOneOutcome("the very late request");
}

}  // namespace failover::test

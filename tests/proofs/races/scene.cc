#include "scene.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "detached.h"
#include "failover/coroutine.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

constexpr absl::Duration kWindow = absl::Seconds(10);
// The five requests, the thread and the coroutine fill the buffer, so one more evicts the oldest.
constexpr int kSize = 7;
// A drain releases one more request in each round.
constexpr int kRounds = kSize + 2;
constexpr char kNewShard[] = "new";

Detached AwaitEnd(Buffer& buffer, ShardHandle shard, std::atomic<int>* ends,
                  std::atomic<int>* outcomes) {
  // The token ends the retry as soon as the coroutine ends.
  const absl::StatusOr<RetryDoneFunc> done =
      co_await AwaitFailoverEnd(buffer, {}, shard, FailoverError());
  if (!done.ok() || *done) ++*outcomes;
  ++*ends;
}

ShardEvent EventOf(const char* shard, bool serving) {
  return {{}, {"ks", shard, TabletType::kPrimary}, serving};
}

}  // namespace

Scene::Scene(Phase phase) {
  BufferOptions options;
  options.size = kSize;
  options.window = kWindow;
  options.threading = Threading::kManual;
  options.clock = &clock_;
  options.wakeup = [this] { loop_.Wake(); };
  if (phase == Phase::kReleased) options.drain_concurrency = kSize;
  buffer_ = *Buffer::Create(std::move(options));
  shard_ = buffer_->GetShard("ks", "0");
  buffer_->StatsUpdate(PrimaryReport(primary_, true, primary_));
  if (phase == Phase::kIdle) return;
  first_.Submit(*buffer_, shard_, FailoverError());
  if (phase != Phase::kDraining) FireTimers();
  SubmitAll();
  loop_.Run(*buffer_);
  if (phase != Phase::kBuffering) ReportNewPrimary();
  if (phase == Phase::kDraining) loop_.Run(*buffer_);
  if (phase == Phase::kReleased) {
    EXPECT_TRUE(blocked_->Join());
  }
  EXPECT_EQ(first_.runs(), 1);
}

void Scene::SubmitAll() {
  for (RacingRequest* const request : {&second_, &third_, &fourth_, &fifth_}) {
    request->Submit(*buffer_, shard_, absl::OkStatus());
  }
  Block(&blocked_);
  Await();
}

void Scene::Block(std::optional<Step>* blocked) {
  blocked->emplace([this] {
    RequestContext context;
    context.cancellation = &cancellation_;
    // The token is dropped, which ends the retry at once.
    buffer_->WaitForFailoverEnd(context, shard_, FailoverError()).IgnoreError();
  });
  EXPECT_TRUE((*blocked)->EndsOrStands());
}

void Scene::Submit() { late_.at(late_submitted_++).Submit(*buffer_, shard_, FailoverError()); }

void Scene::SubmitWithoutFailure() {
  late_.at(late_submitted_++).Submit(*buffer_, shard_, absl::OkStatus());
}

void Scene::SubmitToNewShard() {
  late_.at(late_submitted_++).SubmitByName(*buffer_, kNewShard, FailoverError());
}

void Scene::Wait() { Block(&late_blocked_.at(late_blocked_count_++)); }

void Scene::Await() {
  ++coroutines_;
  AwaitEnd(*buffer_, shard_, &coroutine_ends_, &coroutine_outcomes_);
}

void Scene::FireTimers() {
  clock_.Advance(kWindow);
  loop_.Run(*buffer_);
}

void Scene::ReportNewPrimary() {
  const std::uint32_t primary = ++primary_;
  buffer_->StatsUpdate(PrimaryReport(primary, true, primary));
}

void Scene::ReportPrimaryDownAndBack() {
  const std::uint32_t primary = primary_;
  buffer_->StatsUpdate(PrimaryReport(primary, false, primary));
  buffer_->StatsUpdate(PrimaryReport(primary, true, primary));
}

void Scene::EndRetry() {
  if (!first_ended_.exchange(true)) first_.EndRetry();
}

void Scene::EndKeyspaceEvent() {
  KeyspaceEvent event;
  event.keyspace = "ks";
  event.shards.push_back(EventOf("0", /*serving=*/false));
  buffer_->HandleKeyspaceEvent(event);
}

void Scene::ServingKeyspaceEvent() {
  KeyspaceEvent event;
  event.keyspace = "ks";
  event.shards.push_back(EventOf("0", /*serving=*/true));
  buffer_->HandleKeyspaceEvent(event);
}

void Scene::MoveTablesEvent() {
  KeyspaceEvent event;
  event.keyspace = "ks";
  event.move_tables_state = MoveTablesState::kSwitched;
  event.shards.push_back(EventOf("0", /*serving=*/true));
  event.shards.push_back(EventOf(kNewShard, /*serving=*/true));
  buffer_->HandleKeyspaceEvent(event);
}

void Scene::Start() { buffer_->StartBuffering(shard_, "a test"); }

void Scene::Stop() { buffer_->StopBuffering(shard_); }

void Scene::GetNewShard() { made_.at(made_count_++) = buffer_->GetShard("ks", kNewShard); }

void Scene::Reconfigure() {
  BufferOptions options = buffer_->options();
  options.keyspace_shards = absl::StrCat("ks/", kNewShard);
  options.window = kWindow / 2;
  options.size = kSize - 1;
  const absl::Status status = buffer_->Reconfigure(options);
  EXPECT_TRUE(status.ok() || absl::IsFailedPrecondition(status)) << status;
}

// The law of the counters of one shard holds while other threads are at work, too.
void Scene::Scrape() {
  buffer_->ForEachShard([](const ShardStats& shard) {
    EXPECT_EQ(shard.requests_buffered,
              shard.requests_drained + Sum(shard.requests_evicted) + shard.requests_held);
    EXPECT_LE(shard.requests_held + shard.requests_retrying, kSize);
  });
  EXPECT_LE(buffer_->Stats().slots_free, kSize);
}

void Scene::BeginShutdown() {
  ++shutdowns_begun_;
  buffer_->BeginShutdown([this] { ++shutdowns_over_; });
}

void Scene::Shutdown() {
  buffer_->Shutdown();
  if (shut_down_.exchange(true)) return;
  ends_after_shutdown_ = ends();
  wakes_after_shutdown_ = loop_.wakes();
}

int Scene::ends() const {
  int sum = coroutine_outcomes_;
  for (const RacingRequest* const request :
       {&first_, &second_, &third_, &fourth_, &fifth_, &late_[0], &late_[1]}) {
    sum += request->runs();
  }
  return sum;
}

void Scene::EndRetries() {
  for (int round = 0; round < kRounds; ++round) {
    EndRetry();
    for (RacingRequest* const request :
         {&second_, &third_, &fourth_, &fifth_, &late_[0], &late_[1]})
      request->EndRetry();
    loop_.Run(*buffer_);
  }
}

void Scene::ExpectLaws() {
  const BufferStats stats = buffer_->Stats();
  std::uint64_t taken = 0;
  for (const ShardStats& shard : stats.shards) {
    EXPECT_EQ(shard.requests_buffered,
              shard.requests_drained + Sum(shard.requests_evicted) + shard.requests_held);
    EXPECT_EQ(shard.state, State::kIdle);
    taken += shard.requests_held + shard.requests_retrying;
  }
  EXPECT_EQ(taken, 0u);
  EXPECT_EQ(stats.slots_free, stats.size);
}

Scene::~Scene() {
  for (std::optional<Step>& late : late_blocked_) {
    if (!late.has_value()) continue;
    EXPECT_TRUE(late->EndsOrStands());
  }
  Stop();
  const ShardHandle made = buffer_->GetShard("ks", kNewShard);
  for (std::size_t i = 0; i < made_count_; ++i) {
    EXPECT_TRUE(made_.at(i) == made || ((shut_down_ || shutdowns_begun_ > 0) && !made_.at(i)))
        << "two handles of one shard";
  }
  buffer_->StopBuffering(made);
  EndRetries();
  for (std::optional<Step>* const step : {&blocked_, &late_blocked_[0], &late_blocked_[1]}) {
    if (!step->has_value()) continue;
    EXPECT_TRUE((*step)->Join()) << "the blocked caller does not return";
    EndRetries();
  }
  ExpectLaws();
  EXPECT_EQ(coroutine_ends_, coroutines_);
  Shutdown();
  EXPECT_EQ(shutdowns_over_, shutdowns_begun_);
  EXPECT_EQ(ends_after_shutdown_, ends()) << "something ran after Shutdown returned";
  EXPECT_EQ(wakes_after_shutdown_, loop_.wakes()) << "a wake-up came after Shutdown returned";
  ExpectLaws();
  buffer_.reset();
  first_.ExpectOneOutcome("the first request");
  second_.ExpectOneOutcome("the second request");
  third_.ExpectOneOutcome("the third request");
  fourth_.ExpectOneOutcome("the fourth request");
  fifth_.ExpectOneOutcome("the fifth request");
  late_[0].ExpectOneOutcome("the late request");
  late_[1].ExpectOneOutcome("the very late request");
}

}  // namespace failover::test

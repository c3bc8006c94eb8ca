#include "buffer_test.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace failover::test {

absl::Status FailoverError() {
  return absl::FailedPreconditionError(
      absl::StrCat("The MariaDB server is running with the --read-only option so it cannot execute "
                   "this statement (errno 1290) (sqlstate HY000) during query: insert into users "
                   "values ('",
                   kSecret, "', 5550123)"));
}

absl::Status OtherError() {
  return absl::AlreadyExistsError("Duplicate entry '7' (errno 1062) (sqlstate 23000)");
}

TabletStats PrimaryReport(std::uint32_t uid, bool serving, std::int64_t timestamp,
                          std::string_view shard) {
  TabletStats stats;
  stats.alias = {"zone1", uid};
  stats.target = {"ks", std::string(shard), TabletType::kPrimary};
  stats.up = true;
  stats.serving = serving;
  stats.tablet_externally_reparented_timestamp = timestamp;
  return stats;
}

BufferOptions UnhurriedOptions() {
  BufferOptions options;
  options.window = absl::Hours(1);
  options.max_failover_duration = absl::Hours(2);
  options.min_time_between_failovers = absl::Hours(4);
  return options;
}

BufferTest::BufferTest() { Create(ManualOptions()); }

void BufferTest::TearDown() {
  log_.OnLine(nullptr);
  Destroy();
  EXPECT_EQ(log_.Count(kSecret), 0u) << "a log line shows query text";
  EXPECT_EQ(log_.Count("5550123"), 0u) << "a log line shows query text";
}

BufferOptions BufferTest::ManualOptions() {
  BufferOptions options;
  options.size = 10;
  options.threading = Threading::kManual;
  options.clock = &clock_;
  return options;
}

void BufferTest::Create(BufferOptions options) {
  Destroy();
  absl::StatusOr<std::unique_ptr<Buffer>> made = Buffer::Create(std::move(options));
  ASSERT_TRUE(made.ok()) << made.status();
  buffer_ = *std::move(made);
}

void BufferTest::Destroy() {
  if (buffer_ == nullptr) return;
  ExpectLaws();
  buffer_->Shutdown();
  ExpectLaws();
  ExpectAllGivenBack();
  buffer_.reset();
}

ShardStats BufferTest::Stats(std::string_view shard) {
  return buffer_->GetShardStats("ks", shard).value_or(ShardStats());
}

AsyncRequest BufferTest::RequestTo(ShardHandle shard, const RequestContext& context) {
  return AsyncRequest(*buffer_, shard, absl::OkStatus(), context);
}

AsyncRequest BufferTest::FailOn(ShardHandle shard, const RequestContext& context) {
  return AsyncRequest(*buffer_, shard, FailoverError(), context);
}

void BufferTest::Report(std::uint32_t uid, bool serving, std::int64_t timestamp,
                        std::string_view shard) {
  buffer_->StatsUpdate(PrimaryReport(uid, serving, timestamp, shard));
}

void BufferTest::EndFailover(std::string_view shard) {
  Report(++last_primary_, true, ++last_timestamp_, shard);
  PollAll();
}

void BufferTest::ReleaseWheneverHeld() {
  log_.OnLine([this] {
    // The Buffer logs the start of a failover once the request is held. The log lines that
    // StopBuffering writes must not call this hook again, so the hook is removed first and set
    // again afterwards.
    log_.OnLine(nullptr);
    buffer_->StopBuffering(shard());
    ReleaseWheneverHeld();
  });
}

absl::Duration BufferTest::PollAll() {
  constexpr int kEnough = 1000;
  for (int polls = 0; polls < kEnough; ++polls) {
    const absl::Duration idle_for = buffer_->Poll();
    ExpectLaws();
    if (idle_for > absl::ZeroDuration()) return idle_for;
  }
  ADD_FAILURE() << "Poll always has something more to do";
  return absl::ZeroDuration();
}

void BufferTest::Advance(absl::Duration by) {
  clock_.Advance(by);
  PollAll();
}

void BufferTest::ExpectLaws() {
  const BufferStats stats = buffer_->Stats();
  std::uint64_t taken = 0;
  for (const ShardStats& shard : stats.shards) {
    taken += shard.requests_held + shard.requests_retrying;
    ExpectHistograms(shard);
    if (shard.state == State::kDraining) continue;
    EXPECT_EQ(shard.requests_buffered,
              shard.requests_drained + Sum(shard.requests_evicted) + shard.requests_held)
        << shard.keyspace << "/" << shard.shard;
  }
  // After Reconfigure more may be taken than there are.
  EXPECT_EQ(stats.slots_free, stats.size - std::min(taken, stats.size));
}

void BufferTest::ExpectHistograms(const ShardStats& shard) {
  EXPECT_EQ(shard.failover_durations.Count(), Sum(shard.stops));
  EXPECT_EQ(shard.held_durations[WayOut::kDrained].Count(), shard.requests_drained);
  EXPECT_EQ(shard.held_durations[WayOut::kBufferFull].Count(),
            shard.requests_evicted[EvictedReason::kBufferFull]);
  EXPECT_EQ(shard.held_durations[WayOut::kWindowExceeded].Count(),
            shard.requests_evicted[EvictedReason::kWindowExceeded]);
  EXPECT_EQ(shard.held_durations[WayOut::kContextDone].Count(),
            shard.requests_evicted[EvictedReason::kContextDone]);
  EXPECT_EQ(shard.oldest_held_since.has_value(), shard.requests_held > 0);
}

void BufferTest::ExpectAllGivenBack() {
  const BufferStats stats = buffer_->Stats();
  EXPECT_EQ(stats.slots_free, stats.size);
  EXPECT_EQ(stats.bytes_held, 0u);
  for (const ShardStats& shard : stats.shards) {
    EXPECT_EQ(shard.state, State::kIdle) << shard.keyspace << "/" << shard.shard;
    EXPECT_EQ(shard.requests_held, 0u) << shard.keyspace << "/" << shard.shard;
    EXPECT_EQ(shard.requests_retrying, 0u) << shard.keyspace << "/" << shard.shard;
  }
}

}  // namespace failover::test

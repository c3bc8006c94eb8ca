// What the tests of a Buffer share: a Buffer on Threading::kManual and a clock that only the test
// moves, short names for what is done to it, and a tear-down that holds every test to the laws of
// its counters.
#ifndef FAILOVER_TESTS_SUPPORT_BUFFER_TEST_H_
#define FAILOVER_TESTS_SUPPORT_BUFFER_TEST_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "async_request.h"
#include "failover/buffer.h"
#include "failover/testing/simulated_clock.h"
#include "log_capture.h"

namespace failover::test {

// A part of the query of FailoverError, as a user's data would be.
inline constexpr char kSecret[] = "hunter2@example.com";

// What a shard answers while its primary is replaced. The text has a query with literals in it.
absl::Status FailoverError();
// An error that no failover caused.
absl::Status OtherError();

// The primary `uid` of keyspace "ks" as its health check sees it.
TabletStats PrimaryReport(std::uint32_t uid, bool serving, std::int64_t timestamp,
                          std::string_view shard = "0");

// Of a Buffer on the real clock, of which nothing ends by time before a test does, on a machine
// however busy. Otherwise the defaults.
BufferOptions UnhurriedOptions();

// The element of one of the ShardStats arrays.
template <typename Array, typename Reason>
std::uint64_t At(const Array& array, Reason reason) {
  return array.at(static_cast<std::size_t>(reason));
}
template <typename Array>
std::uint64_t Sum(const Array& array) {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : array) sum += count;
  return sum;
}

class BufferTest : public ::testing::Test {
 protected:
  BufferTest();
  void TearDown() override;

  // Size 10, else the defaults.
  BufferOptions ManualOptions();
  // A Buffer with such options is there from the start. This one takes its place.
  void Create(BufferOptions options);
  Buffer& buffer() { return *buffer_; }
  // The Buffer goes. The laws are checked before.
  void Destroy();

  ShardHandle Shard(std::string_view shard) { return buffer_->GetShard("ks", shard); }
  ShardHandle shard() { return Shard("0"); }
  ShardStats Stats(std::string_view shard = "0");

  // A request that has not failed yet, and one that a failover made fail.
  AsyncRequest Request(const RequestContext& context = {}) { return RequestTo(shard(), context); }
  AsyncRequest RequestTo(ShardHandle shard, const RequestContext& context = {});
  AsyncRequest Fail(const RequestContext& context = {}) { return FailOn(shard(), context); }
  AsyncRequest FailOn(ShardHandle shard, const RequestContext& context = {});

  // What the health check says about the primary `uid`.
  void Report(std::uint32_t uid, bool serving, std::int64_t timestamp,
              std::string_view shard = "0");
  // A primary that nobody saw before, promoted later than all before.
  void EndFailover(std::string_view shard = "0");

  // Whenever the shard starts buffering, what is held then is let go at once, even before the call
  // that was held has blocked: blocking calls need no other thread.
  void ReleaseWheneverHeld();

  // Polls until nothing is due, and says for how long.
  absl::Duration PollAll();
  // Time passes, and what became due runs.
  void Advance(absl::Duration by);
  // So long that no start guard applies any more.
  void AdvanceBeyondGuards() { Advance(absl::Hours(1)); }

  // buffered == drained + evicted + held, unless a drain is running; and every slot is free, held
  // or being retried. To be called when no call is in flight.
  void ExpectLaws();

  SimulatedClock clock_;
  LogCapture log_;

 private:
  void ExpectAllGivenBack();

  std::unique_ptr<Buffer> buffer_;
  std::uint32_t last_primary_ = 1000;
  std::int64_t last_timestamp_ = 1000;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_BUFFER_TEST_H_

// The tests of a Buffer share this fixture. It brings a Buffer on Threading::kManual, a clock that
// only the test moves, and short names for what is done to the Buffer. Its tear-down checks the
// laws of the counters after every test.
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

// The query in the text of FailoverError contains this string, which stands for the data of a user.
inline constexpr char kSecret[] = "hunter2@example.com";

// Returns the error that a shard answers while its primary is replaced. The text contains a query
// with literals.
absl::Status FailoverError();
// Returns an error that no failover caused.
absl::Status OtherError();

// Returns a report of a health check about the primary `uid` of keyspace "ks".
TabletStats PrimaryReport(std::uint32_t uid, bool serving, std::int64_t timestamp,
                          std::string_view shard = "0");

// Returns options for a Buffer on the real clock in which time ends nothing before a test does,
// even on a busy machine. The other options have their defaults.
BufferOptions UnhurriedOptions();

// Returns the element for `reason` of one of the arrays in ShardStats.
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

  // Returns options with size 10 and Threading::kManual, on clock_. All others have their defaults.
  BufferOptions ManualOptions();
  // Replaces the Buffer by one with `options`. The first Buffer of a test has ManualOptions().
  void Create(BufferOptions options);
  Buffer& buffer() { return *buffer_; }
  // Checks the laws of the counters, and then destroys the Buffer.
  void Destroy();

  ShardHandle Shard(std::string_view shard) { return buffer_->GetShard("ks", shard); }
  ShardHandle shard() { return Shard("0"); }
  ShardStats Stats(std::string_view shard = "0");

  // Request and RequestTo make a request that has not failed yet. Fail and FailOn make a request
  // that a failover made fail.
  AsyncRequest Request(const RequestContext& context = {}) { return RequestTo(shard(), context); }
  AsyncRequest RequestTo(ShardHandle shard, const RequestContext& context = {});
  AsyncRequest Fail(const RequestContext& context = {}) { return FailOn(shard(), context); }
  AsyncRequest FailOn(ShardHandle shard, const RequestContext& context = {});

  // Passes a report of a health check about the primary `uid` to the Buffer.
  void Report(std::uint32_t uid, bool serving, std::int64_t timestamp,
              std::string_view shard = "0");
  // Reports a primary that no report has named before and whose timestamp is the newest so far.
  void EndFailover(std::string_view shard = "0");

  // Releases the held requests as soon as the shard starts buffering, even before the held call has
  // blocked. A blocking call therefore needs no other thread to release it.
  void ReleaseWheneverHeld();

  // Polls until nothing is due, and returns the time until something is due.
  absl::Duration PollAll();
  // Moves the clock by `by`, and runs what became due.
  void Advance(absl::Duration by);
  // Moves the clock so far that no start guard applies any more.
  void AdvanceBeyondGuards() { Advance(absl::Hours(1)); }

  // Checks two laws. Every slot is free, held or being retried. Unless a drain is running, buffered
  // == drained + evicted + held. Call this function only when no other call is in flight.
  void ExpectLaws();

  SimulatedClock clock_;
  LogCapture log_;

 private:
  void ExpectAllGivenBack();
  // Each way out of the queue, and each end of a failover, counts once in its histogram.
  static void ExpectHistograms(const ShardStats& shard);

  std::unique_ptr<Buffer> buffer_;
  std::uint32_t last_primary_ = 1000;
  std::int64_t last_timestamp_ = 1000;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_BUFFER_TEST_H_

// This shared object contains its own copy of the library.
#include <atomic>
#include <memory>
#include <thread>

#include "failover/buffer.h"

// Holds a request, ends the failover and ends the retry, on a service thread. Returns 0 if all went
// well.
extern "C" __attribute__((visibility("default"))) int RunAFailover() {
  // Longer than any thread of a busy machine sleeps.
  failover::BufferOptions options;
  options.window = absl::Hours(1);
  options.max_failover_duration = absl::Hours(2);
  options.min_time_between_failovers = absl::Hours(4);
  const std::unique_ptr<failover::Buffer> buffer = *failover::Buffer::Create(options);
  const failover::ShardHandle shard = buffer->GetShard("ks", "0");
  if (!buffer->StartBuffering(shard, "a test")) return 1;
  std::atomic<bool> released{false};
  std::thread worker([&] {
    const absl::StatusOr<failover::RetryDoneFunc> done =
        buffer->WaitForFailoverEnd({}, shard, absl::OkStatus());
    released = done.ok();
  });
  while (buffer->GetShardStats("ks", "0")->requests_held == 0) std::this_thread::yield();
  buffer->StopBuffering(shard);
  worker.join();
  if (!released) return 2;
  return buffer->Stats().slots_free == buffer->Stats().size ? 0 : 3;
}

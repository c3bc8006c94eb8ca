// This file holds the thread whose Buffers share the Budget of the Buffer under test.
#include <memory>
#include <utility>
#include <vector>

#include "failover/budget.h"
#include "world.h"

namespace failover::test {

// One Buffer after the other. Each has a failover of its own, and is destroyed in the middle of it.
void RunNeighbours(World& world, Random random) {
  if (world.budget == nullptr) return;
  while (world.GoesOn()) {
    std::vector<RetryDoneFunc> tokens;
    std::vector<BufferedRequest> handles;
    BufferOptions options;
    options.threading = Threading::kManual;
    options.budget = world.budget;
    options.drain_concurrency = random.Of<std::int64_t>({1, 2, 8});
    std::unique_ptr<Buffer> buffer = *Buffer::Create(options);
    const ShardHandle shard = buffer->GetShard("ks", "0");
    buffer->StartBuffering(shard, "a test");
    for (std::uint64_t i = random.Below(6); i > 0; --i) {
      RequestContext context;
      context.bytes = random.Below(60);
      absl::StatusOr<BufferedRequest> handle = buffer->WaitForFailoverEndAsync(
          context, shard, absl::OkStatus(), [&tokens](absl::StatusOr<RetryDoneFunc> done) {
            if (done.ok()) tokens.push_back(*std::move(done));
          });
      if (handle.ok()) handles.push_back(*std::move(handle));
    }
    if (random.OneIn(2)) buffer->StopBuffering(shard);
    buffer->Poll();
    if (random.OneIn(2)) handles.clear();
    while (!tokens.empty() && !random.OneIn(3)) {
      tokens.pop_back();
      buffer->Poll();
    }
    buffer.reset();
  }
}

}  // namespace failover::test

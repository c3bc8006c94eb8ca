// A module that a host program in C loads with dlopen, as web servers and proxies do with their
// modules. The module contains the library if the library is static.
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "failover/buffer.h"
#include "failover/testing/simulated_clock.h"
#include "failover/version.h"

// Holds one request while a shard is buffering, and returns 0 if the request was released when the
// buffering was stopped.
extern "C" __attribute__((visibility("default"))) int RunARequest() {
  if (failover::LinkedVersion() != FAILOVER_VERSION) return 1;
  failover::SimulatedClock clock;
  failover::BufferOptions options;
  options.threading = failover::Threading::kManual;
  options.clock = &clock;
  const absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer =
      failover::Buffer::Create(options);
  if (!buffer.ok()) return 2;
  const failover::ShardHandle shard = (*buffer)->GetShard("commerce", "-80");
  if (!(*buffer)->StartBuffering(shard, "a switchover")) return 3;
  std::optional<failover::StopReason> released_by;
  const absl::StatusOr<failover::BufferedRequest> request = (*buffer)->WaitForFailoverEndAsync(
      {}, shard, absl::OkStatus(), [&released_by](absl::StatusOr<failover::RetryDoneFunc> done) {
        if (done.ok()) released_by = done->released_by();
      });
  if (!request.ok() || !*request) return 4;
  (*buffer)->Poll();
  if (released_by) return 5;
  (*buffer)->StopBuffering(shard);
  (*buffer)->Poll();
  return released_by == failover::StopReason::kManual ? 0 : 6;
}

// This project brings standalone Asio, and waits with it. The program exits with 0 if a request
// that was held during a failover was answered by its own loop when the new primary was reported.
#include "failover/asio.h"

#include <asio/bind_executor.hpp>
#include <asio/io_context.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/buffer.h"

namespace {

failover::TabletStats ReportOfPrimary(std::uint32_t uid, std::int64_t promoted_at) {
  failover::TabletStats report;
  report.alias = {"zone1", uid};
  report.target = {"commerce", "-80", failover::TabletType::kPrimary};
  report.up = true;
  report.serving = true;
  report.tablet_externally_reparented_timestamp = promoted_at;
  return report;
}

// Prints what is wrong, and returns the exit code.
int Fail(const char* what) {
  std::fprintf(stderr, "asio: %s\n", what);
  return 1;
}

}  // namespace

// Asio throws if it cannot open its descriptors.
int main() {  // NOLINT(bugprone-exception-escape)
  failover::BufferOptions options;
  // The new primary must be what ends the wait, also on a machine that is busy.
  options.window = absl::Seconds(50);
  options.max_failover_duration = absl::Seconds(50);
  options.min_time_between_failovers = absl::Seconds(100);
  const absl::StatusOr<std::unique_ptr<failover::Buffer>> created =
      failover::Buffer::Create(options);
  if (!created.ok()) return Fail("the Buffer could not be created");
  failover::Buffer& buffer = **created;
  buffer.StatsUpdate(ReportOfPrimary(1, 100));

  asio::io_context loop;
  std::optional<failover::StopReason> released_by;
  bool ran_on_loop = false;
  failover::async_wait_for_failover_end(
      buffer, {}, buffer.GetShard("commerce", "-80"), failover::Attempt::kRefused,
      asio::bind_executor(loop, [&](const absl::StatusOr<failover::RetryDoneFunc>& done) {
        ran_on_loop = loop.get_executor().running_in_this_thread();
        if (done.ok()) released_by = done->released_by();
      }));
  loop.poll();
  if (loop.stopped()) return Fail("the request was not held");

  // The health check of a real project is on another thread, too.
  std::thread health_check([&buffer] { buffer.StatsUpdate(ReportOfPrimary(2, 400)); });
  loop.run();
  health_check.join();
  if (!ran_on_loop) return Fail("the handler did not run on its loop");
  if (released_by != failover::StopReason::kNewPrimarySeen) {
    return Fail("the new primary did not release the request");
  }
  if (buffer.Stats().slots_free != buffer.Stats().size) {
    return Fail("the request still has its slot");
  }
  std::puts("held during the failover, answered by the loop of Asio");
  return 0;
}

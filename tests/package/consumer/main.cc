// This program shows what a project that uses the library looks like. It holds one request during a
// failover, and exits with 0 if the request was released when the new primary was reported. It
// needs the flag --enable_buffer.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "absl/flags/parse.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/flags.h"
#include "failover/mysql/errors.h"
#include "failover/outcome.h"
#include "failover/postgres/errors.h"
#include "failover/testing/simulated_clock.h"

#if defined(__cpp_impl_coroutine)
#include "failover/coroutine.h"
#endif

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
  std::fprintf(stderr, "consumer: %s\n", what);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  absl::StatusOr<failover::BufferOptions> options = failover::BufferOptionsFromFlags();
  if (!options.ok()) return Fail("the flags are not valid");
  if (!options->enabled) return Fail("--enable_buffer was not given, or not understood");
  failover::SimulatedClock clock;
  options->threading = failover::Threading::kManual;
  options->clock = &clock;
  absl::StatusOr<std::unique_ptr<failover::Buffer>> buffer =
      failover::Buffer::Create(*std::move(options));
  if (!buffer.ok()) return Fail("the Buffer could not be created");
  failover::Buffer& b = **buffer;

  b.StatsUpdate(ReportOfPrimary(1, 100));
  clock.Advance(absl::Minutes(5));

  const absl::Status refused = failover::mysql::ToStatus(
      {1290, "HY000",
       "The MariaDB server is running with the --read-only option so it cannot execute this "
       "statement"},
      {});
  // The names of 0.1 and the neutral ones are the same things.
  if (failover::OutcomeOf(refused) != failover::mysql::Outcome::kNotExecuted ||
      failover::mysql::OutcomeOf(refused) != failover::Outcome::kNotExecuted) {
    return Fail("the outcome of the statement is lost");
  }
  failover::postgres::Statement insert;
  insert.kind = failover::postgres::StatementKind::kSingle;
  const absl::Status ended = failover::postgres::ToStatus(
      {failover::postgres::Source::kErrorResponse, failover::postgres::SeverityOf("FATAL"), "57P01",
       "terminating connection due to administrator command", "ProcessInterrupts"},
      insert);
  if (failover::OutcomeOf(ended) != failover::Outcome::kNotExecuted || !b.IsFailover(ended)) {
    return Fail("the outcome of the statement of PostgreSQL is lost");
  }
  std::optional<failover::StopReason> released_by;
  const absl::StatusOr<failover::BufferedRequest> request =
      b.WaitForFailoverEndAsync({}, b.GetShard("commerce", "-80"), refused,
                                [&released_by](absl::StatusOr<failover::RetryDoneFunc> done) {
                                  if (done.ok()) released_by = done->released_by();
                                });
  if (!request.ok() || !*request) return Fail("the request was not held");
  b.Poll();
  if (released_by) return Fail("the request was released before the failover had ended");

  b.StatsUpdate(ReportOfPrimary(2, 400));
  b.Poll();
  if (released_by != failover::StopReason::kNewPrimarySeen) {
    return Fail("the new primary did not release the request");
  }
  if (b.Stats().slots_free != b.Stats().size) return Fail("the request still has its slot");
  std::puts("held during the failover, released by the new primary");
  return 0;
}

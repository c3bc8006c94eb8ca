// Planned switchovers of the C interface.
#include "failover/switchover.h"

#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "c/buffer.h"
#include "c/error.h"
#include "c/times.h"

struct fo_switchover : failover::c::OfOneProcess {
  explicit fo_switchover(failover::Switchover begun) : switchover(std::move(begun)) {}

  failover::Switchover switchover;
};

namespace c = failover::c;

namespace {

fo_result SetOptions(const fo_switchover_options& from, failover::SwitchoverOptions* options) {
  if (const fo_result size = c::CheckSize(from.struct_size, sizeof(from), "options");
      size != FO_OK) {
    return size;
  }
  if (from.on_overdue != FO_ON_OVERDUE_ABORT && from.on_overdue != FO_ON_OVERDUE_PROCEED) {
    return c::Invalid("options.on_overdue", "is no FO_ON_OVERDUE_...");
  }
  if (from.release != FO_RELEASE_ON_NEW_PRIMARY && from.release != FO_RELEASE_ON_COMMIT) {
    return c::Invalid("options.release", "is no FO_RELEASE_...");
  }
  options->on_overdue = static_cast<failover::OnOverdue>(from.on_overdue);
  options->release = static_cast<failover::SwitchoverRelease>(from.release);
  c::SetTimeOrNone(from.transaction_grace_ms, &options->transaction_grace);
  c::SetTime(from.hold_timeout_ms, &options->hold_timeout);
  return FO_OK;
}

void Tell(failover::WorkInFlight left, uint64_t* statements, uint64_t* transactions) {
  if (statements != nullptr) *statements = left.statements;
  if (transactions != nullptr) *transactions = left.transactions;
}

}  // namespace

fo_result fo_switchover_begin(fo_buffer* buffer, fo_shard shard,
                              const fo_switchover_options* options, fo_switchover** out) {
  if (out == nullptr) return c::Invalid("out", "is NULL");
  *out = nullptr;
  if (const fo_result result = c::Check(buffer, shard); result != FO_OK) return result;
  failover::SwitchoverOptions chosen;
  if (options != nullptr) {
    if (const fo_result result = SetOptions(*options, &chosen); result != FO_OK) return result;
  }
  return c::Guarded([&]() -> fo_result {
    absl::StatusOr<failover::Switchover> begun =
        buffer->buffer->BeginSwitchover(c::HandleOf(shard), chosen);
    if (begun.ok()) {
      *out = new fo_switchover(*std::move(begun));
      return FO_OK;
    }
    const fo_result result = c::Fail(begun.status());
    return result == FO_WOULD_BLOCK ? FO_WRONG_STATE : result;
  });
}

fo_result fo_switchover_wait(fo_switchover* switchover, int64_t timeout_ms, uint64_t* statements,
                             uint64_t* transactions) {
  if (const fo_result result = c::Check(switchover, "switchover"); result != FO_OK) return result;
  return c::Guarded([&]() -> fo_result {
    const absl::StatusOr<failover::WorkInFlight> quiet =
        switchover->switchover.WaitUntilQuiet(absl::Milliseconds(timeout_ms));
    Tell(quiet.ok() ? *quiet : switchover->switchover.progress().in_flight, statements,
         transactions);
    return quiet.ok() ? static_cast<fo_result>(FO_OK) : c::Fail(quiet.status());
  });
}

fo_result fo_switchover_commit(fo_switchover* switchover) {
  if (const fo_result result = c::Check(switchover, "switchover"); result != FO_OK) return result;
  return c::Guarded([&] {
    const absl::Status status = switchover->switchover.Commit();
    return status.ok() ? static_cast<fo_result>(FO_OK) : c::Fail(status);
  });
}

fo_result fo_switchover_abort(fo_switchover* switchover) {
  if (const fo_result result = c::Check(switchover, "switchover"); result != FO_OK) return result;
  return c::Guarded([&]() -> fo_result {
    if (switchover->switchover.Abort()) return FO_OK;
    return c::Fail(FO_WRONG_STATE, "the switchover has ended already");
  });
}

void fo_switchover_free(fo_switchover* switchover) {
  if (c::MayEnd(switchover)) delete switchover;
}

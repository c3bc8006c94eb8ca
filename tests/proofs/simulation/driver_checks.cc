// This file holds what the Driver compares, and how it reports a difference.
#include <algorithm>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compare.h"
#include "driver.h"
#include "failover/errors.h"

namespace failover::simulation {

namespace {

std::string ReasonText(std::optional<BufferErrorReason> reason) {
  return reason.has_value() ? std::string(ToString(*reason)) : "no reason";
}

absl::StatusCode CodeOf(BufferErrorReason reason) {
  switch (reason) {
    case BufferErrorReason::kBufferFull:
    case BufferErrorReason::kEvicted:
    case BufferErrorReason::kShardMissing:
      return absl::StatusCode::kUnavailable;
    case BufferErrorReason::kCancelled:
      return absl::StatusCode::kCancelled;
    case BufferErrorReason::kTimeout:
    case BufferErrorReason::kWindowOver:
      return absl::StatusCode::kDeadlineExceeded;
  }
  return absl::StatusCode::kUnknown;
}

std::string OriginalText(const Step& request) {
  return absl::StrCat("original error of #", request.id);
}

}  // namespace

absl::Status Driver::ErrorOf(const Step& step) const {
  if (step.cause == Cause::kOther) return absl::InvalidArgumentError(OriginalText(step));
  if (step.cause != Cause::kFailover) return absl::OkStatus();
  return config_.own_classifier ? absl::AbortedError(OriginalText(step))
                                : MarkCausedByFailover(absl::InternalError(OriginalText(step)));
}

void Driver::CheckAnswer(const Step& step, const absl::Status& status, bool held,
                         const Answer& expected) {
  const std::string text =
      absl::StrCat("#", step.id, status.ok() ? (held ? " is held" : " passes") : " is refused: ",
                   status.ok() ? "" : status.ToString());
  switch (expected.verdict) {
    case Verdict::kPasses:
      if (!status.ok() || held) Fail(absl::StrCat(text, "; should pass"));
      break;
    case Verdict::kHeld:
      if (!status.ok() || !held) Fail(absl::StrCat(text, "; should be held"));
      break;
    case Verdict::kBadName:
      if (!absl::IsInvalidArgument(status)) Fail(absl::StrCat(text, "; its name is bad"));
      break;
    case Verdict::kBlocksPoller:
      if (!absl::IsFailedPrecondition(status) || ReasonOf(status).has_value()) {
        Fail(absl::StrCat(text, "; a callback must not block"));
      }
      break;
    case Verdict::kRefused:
      if (status.ok()) Fail(absl::StrCat(text, "; should be refused"));
      CheckError(step, status, *expected.refusal);
      break;
  }
  // A blocking call that is held has no callback that could remain.
  if ((!status.ok() || !held) && clients_[step.id].callback_alive) {
    Fail(absl::StrCat(text, ", but its callback was not destroyed"));
  }
}

void Driver::CheckError(const Step& request, const absl::Status& status,
                        BufferErrorReason expected) {
  const std::string text = absl::StrCat("#", request.id, " got '", status.ToString(), "'");
  if (ReasonOf(status) != expected) {
    return Fail(absl::StrCat(text, ", ", ReasonText(ReasonOf(status)), "; should be ",
                             ReasonText(expected)));
  }
  if (status.code() != CodeOf(expected)) Fail(absl::StrCat(text, ", which is the wrong code"));
  const std::string message(status.message());
  const std::string shard(NameOf(request.name).shard);
  if (shard.size() < 10 && !absl::StrContains(message, shard)) {
    Fail(absl::StrCat(text, ", which does not name the shard"));
  }
  if (request.cause == Cause::kFailover && !absl::StrContains(message, OriginalText(request))) {
    Fail(absl::StrCat(text, ", which does not keep the original error"));
  }
}

void Driver::CheckDue(absl::Duration until_due) {
  if (clock_moved_) {
    // The clock moved during this Poll. Poll may have looked at the clock again, or may return zero
    // so that it is called again.
    if (until_due == absl::ZeroDuration()) return;
    model_.RunTimers();
  }
  const std::optional<absl::Time> due = model_.NextDue();
  absl::Duration expected = absl::InfiniteDuration();
  if (due.has_value()) expected = std::max(*due - model_.now(), absl::ZeroDuration());
  if (until_due == expected) return;
  // The turns of a drain may let Poll look too early, never too late.
  const bool early = until_due > absl::ZeroDuration() && until_due < expected;
  if (early && model_.AnyDrains()) return;
  Fail(absl::StrCat("Poll returned ", absl::FormatDuration(until_due),
                    "; the next thing is due in ", absl::FormatDuration(expected)));
}

void Driver::CheckWakeup(const Step& step) {
  const bool polled = step.kind == StepKind::kPoll || step.kind == StepKind::kFaultsStop ||
                      step.kind == StepKind::kNeighbour;
  if (polled || step.kind == StepKind::kShutdown) return;
  const bool earlier = model_.NextDue().value_or(absl::InfiniteFuture()) < said_;
  // A callback that is ready is due at once, and so is a shutdown that waits for nothing. Then
  // wakeup may be called even if Poll is overdue already.
  const bool ready = !model_.In(Model::Phase::kReleased).empty() || model_.ShutdownIsReady();
  if (own_wakeups_ > 0 && !earlier && !ready) {
    Fail("wakeup was called, but Poll is not due earlier than it said");
  }
  if (!earlier) return;
  // The thread of a blocking call may still be on its way to the wakeup.
  const bool in_thread = step.kind == StepKind::kRequest && step.face == Face::kBlocking;
  const auto give_up = std::chrono::steady_clock::now() + patience_;
  while (in_thread && wakeups_ == 0 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  if (wakeups_ == 0) Fail("Poll is due earlier than it said, but wakeup was not called");
}

std::set<std::size_t> Driver::NamesOf(const Step& step) {
  std::set<std::size_t> names;
  switch (step.kind) {
    case StepKind::kCancel:
    case StepKind::kDetach:
    case StepKind::kDropHandle:
    case StepKind::kEndRetry:
      if (clients_.count(step.id) != 0) names.insert(clients_[step.id].request.name);
      break;
    case StepKind::kKeyspaceEvent:
      for (std::size_t i = 0; i < step.news_count; ++i) names.insert(step.news[i].name);
      break;
    case StepKind::kRequest:
      names.insert(step.name);
      if (clients_.count(step.previous) != 0) names.insert(clients_[step.previous].request.name);
      break;
    case StepKind::kAdvanceClock:
      break;
    default:
      names.insert(step.name);
  }
  return names;
}

void Driver::CheckStats(const Step& step) {
  const BufferStats expected = model_.Stats();
  const BufferStats actual = buffer_->Stats();
  // The end of a switchover names no shard.
  const bool ends = step.kind == StepKind::kCommit || step.kind == StepKind::kAbort;
  const bool all = step.kind == StepKind::kPoll || step.kind == StepKind::kShutdown ||
                   step.kind == StepKind::kFaultsStop || step.kind == StepKind::kReconfigure ||
                   step.kind == StepKind::kBeginShutdown || step.kind == StepKind::kNeighbour ||
                   ends;
  const std::set<std::size_t> names = NamesOf(step);
  invariants_.Check(actual, all ? nullptr : &names, model_.now());
  if (expected.budget.has_value() && expected.budget->slots_free == 0) coverage_.budget_full += 1;
  if (model_.AnyAsksForATurn()) coverage_.asks_for_a_turn += 1;
  const std::string difference = Difference(expected, actual);
  if (!difference.empty()) return Fail(difference);
  if (functions_run_ != model_.functions_run()) {
    return Fail(absl::StrCat(functions_run_, " functions of BeginShutdown ran, and should be ",
                             model_.functions_run()));
  }
  CheckChanges(step);
  CheckEpochs();
  for (const ShardStats& shard : actual.shards) {
    const std::string wrong = WrongHistogram(shard);
    if (!wrong.empty()) return Fail(wrong);
  }
  CheckSwitchovers();

  std::size_t index = 0;
  buffer_->ForEachShard([this, &expected, &index](const ShardStats& shard) {
    if (index >= expected.shards.size()) return Fail("ForEachShard visits too many shards");
    const std::string found = Difference(expected.shards[index++], shard);
    if (!found.empty()) Fail(absl::StrCat("ForEachShard: ", found));
  });
  if (index != expected.shards.size()) Fail("ForEachShard visits too few shards");
  const ShardName& name = NameOf(step.name);
  const std::optional<ShardStats> one = buffer_->GetShardStats(name.keyspace, name.shard);
  bool known = false;
  for (const ShardStats& shard : expected.shards) {
    if (shard.keyspace != name.keyspace || shard.shard != name.shard) continue;
    known = true;
    if (!one.has_value() || !Difference(shard, *one).empty()) Fail("GetShardStats is wrong");
  }
  if (known != one.has_value()) Fail("GetShardStats knows the wrong shards");
}

void Driver::CheckBudgetAtEnd() {
  if (neighbour_.budget() == nullptr) return;
  neighbour_.Have(Step());
  const BudgetStats stats = neighbour_.budget()->Stats();
  if (stats.slots_free != stats.size || stats.bytes_held != 0 || stats.retries != 0) {
    Fail("the Buffer is gone and has not given everything back to its Budget");
  }
}

// ---- Transitions and epochs.

void Driver::Changed(const Transition& transition) {
  if (config_.foreign_code_looks) buffer_->Stats();
  const std::lock_guard<std::mutex> lock(told_mutex_);
  Told& told = told_[{std::string(transition.keyspace), std::string(transition.shard_name)}];
  if (transition.epoch < told.epoch) Fail("a transition tells an older epoch than the one before");
  if (transition.epoch > transition.shard.epoch()) Fail("a transition tells a future epoch");
  told.epoch = transition.epoch;
  told.changes.push_back({transition.from, transition.to, transition.held, transition.when});
}

void Driver::CheckChanges(const Step& step) {
  const auto give_up = std::chrono::steady_clock::now() + patience_;
  for (std::size_t name = 0; name < kNames; ++name) {
    const std::vector<StateChange>& expected = model_.ChangesOf(name);
    if (expected.empty()) continue;
    std::unique_lock<std::mutex> lock(told_mutex_);
    Told& told = told_[{std::string(NameOf(name).keyspace), std::string(NameOf(name).shard)}];
    // The thread of a blocking call may still be on its way to tell.
    const bool in_thread = step.kind == StepKind::kRequest && step.face == Face::kBlocking;
    while (in_thread && told.changes.size() < expected.size() &&
           std::chrono::steady_clock::now() < give_up) {
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    }
    if (told.changes.size() != expected.size()) {
      return Fail(absl::StrCat("on_transition was called ", told.changes.size(),
                               " times for one shard, and should be ", expected.size()));
    }
    for (; told.compared < expected.size(); ++told.compared) {
      const StateChange& is = told.changes[told.compared];
      const StateChange& should = expected[told.compared];
      const std::string text =
          absl::StrCat("transition ", told.compared, " ", std::string(ToString(is.from)), " to ",
                       std::string(ToString(is.to)), ", held ", is.held, "; should be ",
                       std::string(ToString(should.from)), " to ", std::string(ToString(should.to)),
                       ", held ", should.held);
      const bool same = is.from == should.from && is.to == should.to && is.held == should.held;
      if (!same) return Fail(text);
      const bool on_time = is.when == should.when || model_.shut_down();
      if (!on_time) return Fail(absl::StrCat(text, " at another time"));
    }
  }
}

// Only the growth is told by the documentation, not by how much.
void Driver::CheckEpochs() {
  for (const auto& [name, handle] : handles_) {
    const std::pair<std::uint64_t, std::uint64_t> now(handle.epoch(), model_.EpochOf(name));
    const auto [it, first] = epochs_.try_emplace(name, now);
    const auto before = std::exchange(it->second, now);
    if (first) continue;
    if (now.first < before.first) Fail("an epoch went down");
    if (model_.shut_down()) continue;
    const bool grew = now.first > before.first;
    if (grew != (now.second > before.second)) {
      Fail(grew ? "the epoch grew and should not" : "the epoch should grow");
    }
  }
}

}  // namespace failover::simulation

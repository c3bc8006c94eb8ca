#include "topology/watched_cluster.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "failover/buffer.h"
#include "failover/switchover_options.h"
#include "topology/patroni_keys.h"
#include "watch/finding.h"

namespace failover::topology::internal {
namespace {

using failover::internal::MutexLock;
using watch::internal::Printable;

// Statements and transactions that are under way have the time until the old primary stops, and
// nobody can make it wait. So everything is held from the first moment.
SwitchoverOptions OptionsOf(std::optional<absl::Duration> longest_hold) {
  SwitchoverOptions options;
  options.transaction_grace = absl::ZeroDuration();
  options.on_overdue = OnOverdue::kProceed;
  options.hold_timeout = longest_hold;
  return options;
}

std::string NameOf(absl::string_view member) {
  return member.empty() ? std::string("nobody") : Printable(member);
}

}  // namespace

WatchedCluster::WatchedCluster(const PatroniFeedOptions& options, const PatroniShard& shard,
                               const failover::internal::Logger& logger)
    : options_(options),
      shard_(shard),
      logger_(logger),
      view_(PrefixOf(options.namespace_path, shard.scope)),
      hold_(options.longest_hold) {
  if (options.buffer != nullptr) handle_ = options.buffer->GetShard(shard.keyspace, shard.shard);
  state_.shard = shard;
}

void WatchedCluster::Step(AnnouncedHold::Time now) {
  if (options_.buffer != nullptr) StepHold(now);
  for (const std::string& problem : view_.TakeProblems()) Log(LogLevel::kWarning, problem);
  Publish();
}

AnnouncedHold::Time WatchedCluster::due() const {
  if (!switchover_.has_value()) return hold_.due();
  // The Buffer does not tell the feed when it ends the switchover.
  constexpr std::chrono::milliseconds kLookAgain(50);
  return std::min(hold_.due(), std::chrono::steady_clock::now() + kLookAgain);
}

void WatchedCluster::End() {
  // Without a leader the old primary has stopped or is about to. Nothing may go there.
  if (view_.leader().name.empty()) {
    Commit();
  } else {
    Abort("the feed ends");
  }
  Publish();
}

PatroniState WatchedCluster::State() const {
  const MutexLock lock(mutex_);
  return state_;
}

// ---- The hold -----------------------------------------------------------------------------------

void WatchedCluster::StepHold(AnnouncedHold::Time now) {
  NoteEndOfHold();
  switch (hold_.Next(view_, absl::Now(), now)) {
    case HoldStep::kNone:
      return;
    case HoldStep::kBegin:
      return Begin(now);
    case HoldStep::kAbort:
      return Abort("the announcement was withdrawn");
    case HoldStep::kCommit:
      return Commit();
  }
}

void WatchedCluster::Begin(AnnouncedHold::Time now) {
  absl::StatusOr<Switchover> begun =
      options_.buffer->BeginSwitchover(handle_, OptionsOf(options_.longest_hold));
  if (absl::IsInvalidArgument(begun.status())) {
    // The window of the Buffer is shorter than longest_hold.
    begun = options_.buffer->BeginSwitchover(handle_, OptionsOf(std::nullopt));
  }
  if (!begun.ok()) {
    hold_.NotNow(absl::IsFailedPrecondition(begun.status()), now);
    if (!absl::IsFailedPrecondition(begun.status())) {
      Log(LogLevel::kWarning,
          absl::StrCat("an announced switchover cannot hold requests: ", begun.status().message()));
    }
    return;
  }
  switchover_ = *std::move(begun);
  hold_.Begun();
  dirty_ = true;
  const PatroniSwitchover& announced = view_.announced()->switchover;
  Log(LogLevel::kInfo,
      absl::StrCat("a switchover from ", NameOf(view_.leader().name), " to ",
                   announced.candidate.empty() ? "any member" : Printable(announced.candidate),
                   " was announced: requests are held"));
}

void WatchedCluster::Commit() {
  if (!switchover_.has_value()) return;
  const absl::Status done = switchover_->Commit();
  switchover_.reset();
  dirty_ = true;
  Log(LogLevel::kInfo,
      absl::StrCat("the leader is ", NameOf(view_.leader().name), ": the switchover is committed",
                   done.ok() ? "" : ", too late: ", done.message()));
}

void WatchedCluster::Abort(absl::string_view why) {
  if (!switchover_.has_value()) return;
  const bool ended = switchover_->Abort();
  switchover_.reset();
  dirty_ = true;
  if (ended) Log(LogLevel::kInfo, absl::StrCat("the switchover is called off: ", why));
}

void WatchedCluster::NoteEndOfHold() {
  if (!switchover_.has_value()) return;
  const std::optional<SwitchoverEnd> end = switchover_->progress().end;
  if (!end.has_value()) return;
  switchover_.reset();
  hold_.Ended();
  dirty_ = true;
  Log(*end == SwitchoverEnd::kTimedOut ? LogLevel::kWarning : LogLevel::kInfo,
      absl::StrCat("the announced switchover has ended: ", std::string(ToString(*end))));
}

// ---- News ---------------------------------------------------------------------------------------

void WatchedCluster::OnNewNumbering(absl::string_view why) {
  view_.BeginNewNumbering();
  Log(LogLevel::kWarning, absl::StrCat(why, ": terms go on from ", view_.leader().term));
}

void WatchedCluster::OnConnected(absl::string_view endpoint) {
  connected_ = true;
  last_error_ = absl::OkStatus();
  told_.clear();
  dirty_ = true;
  Log(LogLevel::kInfo, absl::StrCat("watches ", view_.prefix(), " at ", endpoint));
}

void WatchedCluster::OnTrouble(const absl::Status& problem) {
  // In an outage each text is told once, and not with each attempt.
  constexpr std::size_t kMostTexts = 64;
  if (told_.size() < kMostTexts && told_.emplace(problem.message()).second) {
    Log(LogLevel::kWarning, problem.message());
  }
  dirty_ = dirty_ || connected_ || last_error_ != problem;
  connected_ = false;
  last_error_ = problem;
}

void WatchedCluster::Publish() {
  const bool changed = view_.TakeChanged();
  if (!std::exchange(dirty_, false) && !changed) return;
  PatroniState state;
  {
    const MutexLock lock(mutex_);
    const Leader& leader = view_.leader();
    if (state_.leader != leader.name || state_.term != leader.term) {
      state_.leader_since = absl::Now();
    }
    state_.known = view_.known();
    state_.leader = leader.name;
    state_.term = leader.term;
    state_.members = view_.Members();
    state_.announced.reset();
    if (view_.announced().has_value()) state_.announced = view_.announced()->switchover;
    state_.holding = switchover_.has_value();
    state_.connected = connected_;
    state_.last_error = last_error_;
    state = state_;
  }
  if (options_.on_change) options_.on_change(state);
}

void WatchedCluster::Log(LogLevel level, absl::string_view text) const {
  logger_.Log(level,
              absl::StrCat("Patroni's ", Printable(shard_.scope), " (", Printable(shard_.keyspace),
                           "/", Printable(shard_.shard), "): ", text));
}

}  // namespace failover::topology::internal

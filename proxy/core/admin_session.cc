#include "proxy/core/admin_session.h"

#include <chrono>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "failover/stats.h"
#include "proxy/core/deadline.h"
#include "spdlog/spdlog.h"

namespace proxy {
namespace {

constexpr std::string_view kGreeting = "INFO failover-admin 1\n";
// How often a wait looks whether it is over. The held requests wait for so long in addition.
constexpr std::chrono::milliseconds kLookInterval{2};
constexpr absl::Duration kProgressInterval = absl::Milliseconds(250);
// By how much the Buffer's timer for the end of a switchover may be late.
constexpr absl::Duration kEndMargin = absl::Milliseconds(100);

// A text as one line.
std::string OneLine(absl::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return line;
}

std::string Error(std::string_view code, absl::string_view text) {
  return absl::StrCat("ERR ", std::string(code), " ", OneLine(text), "\n");
}

std::string NoSwitchover() {
  return Error("FAILED", "no switchover is under way on this connection");
}

std::string Ended(failover::SwitchoverEnd end) {
  return Error("ABORTED",
               absl::StrCat("the switchover has ended: ", std::string(failover::ToString(end))));
}

}  // namespace

AdminSession::AdminSession(const Context& context, LocalSocket socket, const AdminTimes& times,
                           std::shared_ptr<AdminShared> shared)
    : context_(context),
      executor_(socket.get_executor()),
      times_(times),
      shared_(std::move(shared)),
      lines_(std::move(socket), times.write) {
  shared_->sessions.insert(this);
}

AdminSession::~AdminSession() {
  shared_->sessions.erase(this);
  if (IsSwitching()) spdlog::warn("the connection that began the switchover has ended");
}

bool AdminSession::IsSwitching() const {
  return planned_ != nullptr && !planned_->switchover->progress().end.has_value();
}

void AdminSession::NoticeEnd() {
  if (planned_ != nullptr && !IsSwitching()) planned_->uncounted.reset();
}

int AdminSession::UncountedAttempts() const {
  return planned_->uncounted.has_value() ? planned_->uncounted->attempts() : 0;
}

void AdminSession::Drain() {
  if (!HasSwitchover()) lines_.Close();
}

Task<> AdminSession::Run() {
  std::string answer(kGreeting);
  while (!answer.empty()) {
    const bool written = co_await lines_.Write(answer);
    if (!written || (shared_->draining && !HasSwitchover())) break;
    answer = co_await AnswerNext();
  }
  if (!lines_.is_too_long()) co_return;
  answer = Error("BAD", "a line, or the input, is too long");
  co_await lines_.Write(answer);
}

Task<std::string> AdminSession::AnswerNext() {
  const std::optional<std::string> line = co_await NextLine();
  if (!line.has_value()) co_return std::string();
  const absl::StatusOr<AdminCommand> command = ParseAdminCommand(*line);
  if (!command.ok()) co_return Error("BAD", command.status().message());
  co_return co_await Execute(*command);
}

Task<std::optional<std::string>> AdminSession::NextLine() {
  NoticeEnd();
  absl::Duration patience = times_.idle;
  std::optional<Deadline> end;
  if (IsSwitching()) {
    // A switchover has ended when the window is over, and then the peer may be idle as ever.
    end.emplace(executor_, context_.window + kEndMargin, [this] { NoticeEnd(); });
    patience += context_.window;
  }
  const Deadline deadline(executor_, patience, [this] { lines_.Close(); });
  co_return co_await lines_.Next();
}

Task<std::string> AdminSession::Execute(const AdminCommand& command) {
  switch (command.verb) {
    case AdminVerb::kStatus:
      co_return Status();
    case AdminVerb::kHelp:
      co_return absl::StrCat(std::string(AdminHelp()), "OK\n");
    case AdminVerb::kBegin:
      co_return Begin(command);
    case AdminVerb::kWaitQuiet:
      co_return co_await Wait(command.timeout, &AdminSession::LookForQuiet);
    case AdminVerb::kWaitPrimary:
      co_return co_await Wait(command.timeout, &AdminSession::LookForPrimary);
    case AdminVerb::kCommit:
      co_return Commit();
    case AdminVerb::kAbort:
      co_return Abort();
  }
  co_return Error("BAD", "unknown command");
}

std::string AdminSession::PrimaryName() const {
  const std::optional<std::size_t> primary = context_.router.primary();
  return primary.has_value() ? context_.router.backends()[*primary].ToString() : "none";
}

std::string AdminSession::Status() const {
  const std::optional<failover::ShardStats> stats =
      context_.buffer.GetShardStats(context_.options.keyspace, context_.options.shard);
  std::string answer = absl::StrCat(
      "INFO shard=", OneLine(context_.options.keyspace), "/", OneLine(context_.options.shard),
      " state=", stats.has_value() ? std::string(failover::ToString(stats->state)) : "unknown",
      " primary=", PrimaryName(), " held=", stats.has_value() ? stats->requests_held : 0,
      " draining=", shared_->draining ? 1 : 0, "\n");
  bool any = false;
  for (const AdminSession* session : shared_->sessions) {
    if (!session->IsSwitching()) continue;
    any = true;
    absl::StrAppend(&answer, "INFO switchover ", session->Progress(), "\n");
  }
  if (!any) absl::StrAppend(&answer, "INFO switchover none\n");
  return absl::StrCat(answer, "OK\n");
}

std::string AdminSession::Progress() const {
  const failover::SwitchoverProgress progress = planned_->switchover->progress();
  const std::optional<failover::ShardStats> stats =
      context_.buffer.GetShardStats(context_.options.keyspace, context_.options.shard);
  return absl::StrCat(
      "stage=", std::string(failover::ToString(progress.stage)), " quiet=", progress.quiet ? 1 : 0,
      " statements=",
      progress.in_flight.statements + static_cast<std::uint64_t>(UncountedAttempts()),
      " transactions=", progress.in_flight.transactions,
      " held=", stats.has_value() ? stats->requests_held : 0);
}

// ---- The commands of a switchover ---------------------------------------------------------------

std::string AdminSession::Begin(const AdminCommand& command) {
  const std::string name = absl::StrCat(context_.options.keyspace, "/", context_.options.shard);
  if (!command.shard.empty() && command.shard != name && command.shard != context_.options.shard) {
    return Error("BAD", absl::StrCat("there is no such shard; there is ", name));
  }
  if (shared_->draining) return Error("FAILED", "the proxy is about to end");
  if (IsSwitching()) return Error("FAILED", "a switchover is under way on this connection");
  const std::string old_primary = PrimaryName();
  auto planned = std::make_unique<Planned>(context_, context_.router.primary());
  absl::StatusOr<failover::Switchover> begun =
      context_.buffer.BeginSwitchover(context_.shard, command.options);
  if (!begun.ok()) {
    return Error(absl::IsInvalidArgument(begun.status()) ? "BAD" : "FAILED",
                 begun.status().message());
  }
  planned->switchover = *std::move(begun);
  planned_ = std::move(planned);
  return absl::StrCat("OK begun shard=", OneLine(name), " primary=", old_primary,
                      " hold_timeout_ms=", absl::ToInt64Milliseconds(context_.window), "\n");
}

Task<std::string> AdminSession::Wait(absl::Duration timeout, Answer (AdminSession::*look)()) {
  if (planned_ == nullptr) co_return NoSwitchover();
  const absl::Time began = context_.clock.Now();
  absl::Time next_progress = began;
  Timer pause(executor_);
  while (true) {
    if (Answer answer = (this->*look)(); answer.has_value()) co_return *std::move(answer);
    if (Answer answer = Interruption(); answer.has_value()) co_return *std::move(answer);
    const absl::Time now = context_.clock.Now();
    if (now - began >= timeout) {
      co_return Error("TIMEOUT", absl::StrCat("the switchover goes on: ", Progress()));
    }
    if (now >= next_progress) {
      next_progress = now + kProgressInterval;
      const std::string progress = absl::StrCat("PROGRESS ", Progress(), "\n");
      const bool written = co_await lines_.Write(progress);
      if (!written) lines_.Close();
    }
    pause.expires_after(kLookInterval);
    std::error_code ignored;
    co_await pause.async_wait(ErrorTo(ignored));
  }
}

AdminSession::Answer AdminSession::Interruption() {
  // Nobody reads the answer, and the end of the session calls the switchover off.
  if (!lines_.TakeIn()) return std::string();
  if (!lines_.NextIs("abort")) return std::nullopt;
  return Error("ABORTED", "the next command ends the wait");
}

AdminSession::Answer AdminSession::LookForQuiet() {
  const absl::StatusOr<failover::WorkInFlight> looked =
      planned_->switchover->WaitUntilQuiet(absl::ZeroDuration());
  if (absl::IsDeadlineExceeded(looked.status())) return std::nullopt;
  if (absl::IsAborted(looked.status())) return Error("ABORTED", looked.status().message());
  if (!looked.ok()) return Error("FAILED", looked.status().message());
  if (UncountedAttempts() > 0) return std::nullopt;
  return absl::StrCat("OK quiet statements=", looked->statements,
                      " transactions=", looked->transactions, "\n");
}

AdminSession::Answer AdminSession::LookForPrimary() {
  const std::optional<failover::SwitchoverEnd> end = planned_->switchover->progress().end;
  if (!end.has_value()) return std::nullopt;
  if (*end != failover::SwitchoverEnd::kNewPrimary) return Ended(*end);
  return absl::StrCat("OK primary=", PrimaryName(), "\n");
}

std::string AdminSession::Commit() {
  if (planned_ == nullptr) return NoSwitchover();
  const absl::Status status = planned_->switchover->Commit();
  const bool is_new =
      planned_->switchover->progress().end == failover::SwitchoverEnd::kNewPrimary ||
      context_.router.primary() != planned_->old_primary;
  planned_.reset();
  if (!status.ok()) return Error("ABORTED", status.message());
  return is_new ? absl::StrCat("OK committed primary=", PrimaryName(), "\n")
                : std::string("OK committed, requests are held until a new primary is seen\n");
}

std::string AdminSession::Abort() {
  if (planned_ == nullptr) return NoSwitchover();
  const bool aborted = planned_->switchover->Abort();
  const failover::SwitchoverProgress progress = planned_->switchover->progress();
  planned_.reset();
  if (aborted || !progress.end.has_value()) return "OK aborted\n";
  return Ended(*progress.end);
}

}  // namespace proxy

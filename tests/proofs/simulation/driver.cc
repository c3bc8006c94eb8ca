#include "driver.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "failover/errors.h"

namespace failover::simulation {

namespace {

// Poll may ask to be called again at once this many times in a row. More would be an endless loop.
constexpr int kMostPolls = 10'000;
constexpr absl::Duration kNextAsk = absl::Milliseconds(10);

std::string Text(const Ending& ending) {
  if (ending.error.has_value()) return absl::StrCat("error ", std::string(ToString(*ending.error)));
  if (!ending.released_by.has_value()) return "released by its window";
  return absl::StrCat("released by ", std::string(ToString(*ending.released_by)));
}

std::shared_ptr<Budget> MakeBudget(const Config& config) {
  if (config.budget_size == 0) return nullptr;
  BudgetLimits limits;
  limits.size = config.budget_size;
  limits.max_bytes = config.budget_bytes;
  limits.max_retries = config.budget_retries;
  return *Budget::Create(limits);
}

}  // namespace

Driver::Driver(const Config& config, std::chrono::seconds patience)
    : config_(config),
      longest_ns_(config.max_failover_duration_ns),
      patience_(patience),
      clock_(absl::UnixEpoch() + absl::Nanoseconds(config.clock_start_ns)),
      neighbour_(MakeBudget(config)),
      model_(config),
      invariants_(config, [this](const std::string& what) { Fail(what); }) {
  BufferOptions options = MakeOptions(config);
  options.clock = &clock_;
  options.budget = neighbour_.budget();
  options.wakeup = [this] { Wakeup(); };
  options.on_transition = [this](const Transition& transition) { Changed(transition); };
  if (config.own_classifier) {
    options.caused_by_failover = [this](const absl::Status& error) { return Classify(error); };
  }
  absl::StatusOr<std::unique_ptr<Buffer>> buffer = Buffer::Create(std::move(options));
  if (buffer.ok()) {
    buffer_ = *std::move(buffer);
    if (config.foreign_code_looks) clock_.buffer = buffer_.get();
  } else {
    Fail(buffer.status().ToString());
  }
}

Driver::~Driver() = default;

void Driver::Fail(const std::string& what) {
  if (failure_.empty()) failure_ = what;
}

void Driver::Do(const Step& step) {
  if (failed()) return;
  if (step.during != 0) {
    reactions_[step.during].push_back(step);
    return;
  }
  own_wakeups_ = 0;
  Perform(step);
  if (failed()) return;
  CheckWakeup(step);
  CheckStats(step);
}

void Driver::Finish() {
  Step shutdown;
  shutdown.kind = StepKind::kShutdown;
  Do(shutdown);
  if (failed()) return;
  // Some of the tokens are used now. The others are used after the Buffer is destroyed.
  for (const auto& [id, client] : clients_) {
    Step late;
    late.kind = StepKind::kEndRetry;
    late.id = id;
    late.retry_end = RetryEnd::kCallWithOk;
    if (id % 2 == 0) EndRetry(late);
  }
  CheckStats(shutdown);
  // The work of requests that were not held must end before the Buffer.
  for (auto& [id, client] : clients_) {
    if (!client.token) client.token();
  }
  clock_.buffer = nullptr;
  buffer_.reset();
  CheckBudgetAtEnd();
  for (auto& [id, client] : clients_) {
    const bool expected = client.handle ? model_.Cancel(id) : false;
    if (client.handle.Cancel() != expected) {
      Fail(absl::StrCat("#", id, ": Cancel has another answer when the Buffer is gone"));
    }
    client.handle = BufferedRequest();
    client.token(absl::OkStatus());
    client.token = RetryDoneFunc();
    if (client.callback_alive) Fail(absl::StrCat("the callback of #", id, " leaked"));
  }
}

Coverage Driver::coverage() const {
  Coverage coverage = coverage_;
  coverage.Add(model_.Stats());
  return coverage;
}

bool Driver::IsAboutNobody(const Step& step) const {
  const bool about_request = step.kind == StepKind::kCancel || step.kind == StepKind::kDetach ||
                             step.kind == StepKind::kDropHandle || step.kind == StepKind::kEndRetry;
  return about_request && clients_.count(step.id) == 0;
}

void Driver::Perform(const Step& step) {
  if (failed() || IsAboutNobody(step)) return;
  ++steps_done_;
  if (planted_bug != nullptr) planted_bug(*buffer_, step);
  if (in_buffer_) ++coverage_.calls_in_callbacks;
  switch (step.kind) {
    case StepKind::kRequest:
      Request(step);
      break;
    case StepKind::kCancel:
      Cancel(step);
      break;
    case StepKind::kDetach:
      Detach(step);
      break;
    case StepKind::kDropHandle:
      DropHandle(step);
      break;
    case StepKind::kEndRetry:
      EndRetry(step);
      break;
    case StepKind::kReport:
      Report(step);
      break;
    case StepKind::kKeyspaceEvent:
      KeyspaceEvent(step);
      break;
    case StepKind::kAdvanceClock:
      clock_moved_ = true;
      model_.Advance(absl::Nanoseconds(step.advance_ns));
      clock_.Advance(absl::Nanoseconds(step.advance_ns));
      break;
    case StepKind::kPoll:
      Poll();
      break;
    case StepKind::kStartBuffering: {
      const ShardHandle shard = Handle(step.name);
      if (buffer_->StartBuffering(shard, "a reason") != model_.StartBuffering(step.name)) {
        Fail("StartBuffering has the wrong answer");
      }
      break;
    }
    case StepKind::kStopBuffering: {
      const ShardHandle shard = Handle(step.name);
      if (buffer_->StopBuffering(shard) != model_.StopBuffering(step.name)) {
        Fail("StopBuffering has the wrong answer");
      }
      break;
    }
    case StepKind::kGetShard:
      Handle(step.name);
      break;
    case StepKind::kShutdown:
      Shutdown();
      break;
    case StepKind::kNoteRefused: {
      const ShardHandle shard = Handle(step.name);
      model_.NoteRefused(step.name);
      buffer_->NoteRefused(shard, "a reason");
      break;
    }
    case StepKind::kBeginSwitchover:
      BeginSwitchover(step);
      break;
    case StepKind::kCommit:
    case StepKind::kAbort:
      EndSwitchover(step);
      break;
    case StepKind::kBeginShutdown:
      BeginShutdown();
      break;
    case StepKind::kReconfigure:
      Reconfigure(step);
      break;
    case StepKind::kNeighbour:
      Neighbours(step);
      break;
    case StepKind::kFaultsStop:
      FaultsStop(step);
      break;
  }
  TakeReturnedCalls();
}

void Driver::Reconfigure(const Step& step) {
  const Config next = Reconfigured(config_, step.seed);
  BufferOptions options = MakeOptions(next);
  options.clock = &clock_;
  options.budget = neighbour_.budget();
  const bool expected = !model_.shut_down();
  if (expected) {
    coverage_.reconfigured += 1;
    if (!model_.In(Model::Phase::kHeld).empty()) coverage_.reconfigured_while_holding += 1;
    config_ = next;
    longest_ns_ = std::max(longest_ns_, next.max_failover_duration_ns);
    model_.Reconfigure(next);
    invariants_.Reconfigured(next);
  }
  const absl::Status done = buffer_->Reconfigure(options);
  if (done.ok() != expected) Fail(absl::StrCat("Reconfigure: ", done.ToString()));
  if (expected && buffer_->options().window != options.window) Fail("options() is of before");
}

// Nobody is woken when a turn comes back. When the drain asks again depends on when it asked first,
// but that is within 10 ms.
void Driver::Neighbours(const Step& step) {
  if (in_buffer_ || neighbour_.budget() == nullptr) return;
  const bool gave_turns_back = model_.Neighbour(step);
  neighbour_.Have(step);
  if (!gave_turns_back) return;
  model_.Advance(kNextAsk);
  clock_.Advance(kNextAsk);
  Poll();
}

// ---- Poll, Shutdown, and the callbacks that run inside them.

void Driver::Poll() {
  if (in_buffer_) {
    if (buffer_->Poll() != absl::InfiniteDuration()) Fail("Poll in a callback did something");
    return;
  }
  absl::Duration until_due;
  for (int i = 0; i < kMostPolls && !failed(); ++i) {
    clock_moved_ = false;
    model_.RunTimers();
    in_buffer_ = true;
    until_due = buffer_->Poll();
    in_buffer_ = false;
    TakeReturnedCalls();
    if (model_.GoOnWithShutdown()) ShutdownIsOver();
    CheckDue(until_due);
    if (until_due > absl::ZeroDuration()) break;
  }
  if (until_due <= absl::ZeroDuration()) return Fail("Poll always wants to be called again");
  said_ = model_.now() + until_due;
  wakeups_ = 0;
  if (!model_.In(Model::Phase::kReleased).empty()) Fail("Poll left a callback that is due");
  invariants_.Polled(model_.now());
}

void Driver::Shutdown() {
  invariants_.ShutdownBegins();
  model_.BeginShutdown();
  // Inside a callback Shutdown does not wait. The retries of the requests that it releases go on
  // until the next Shutdown outside of a callback.
  if (in_buffer_) return buffer_->Shutdown();
  model_.RunTimers();
  in_buffer_ = true;
  buffer_->Shutdown();
  in_buffer_ = false;
  TakeReturnedCalls();
  model_.EndShutdown();
  ShutdownIsOver();
}

void Driver::ShutdownIsOver() {
  shutdown_returned_ = true;
  invariants_.ShutdownReturned();
  if (!model_.In(Model::Phase::kReleased).empty()) Fail("Shutdown left a callback");
}

void Driver::BeginShutdown() {
  coverage_.begun_shutdowns += 1;
  if (!model_.shut_down()) invariants_.ShutdownBegins();
  model_.BeginSlowShutdown();
  buffer_->BeginShutdown([this] { ++functions_run_; });
}

void Driver::CallbackRan(std::uint32_t id, absl::StatusOr<RetryDoneFunc> result) {
  if (failed()) return;
  const bool right_place = in_buffer_ && std::this_thread::get_id() == thread_;
  if (!right_place) return Fail(absl::StrCat("the callback of #", id, " ran outside of Poll"));
  std::optional<Ending> expected = model_.CallbackRan(id);
  if (!expected.has_value() && clock_moved_) {
    model_.RunTimers();
    expected = model_.CallbackRan(id);
  }
  if (!expected.has_value()) {
    return Fail(absl::StrCat("the callback of #", id, " ran, and should not (yet)"));
  }
  WaitEnded(id, std::move(result), *expected);
  const auto reactions = reactions_.extract(id);
  if (reactions.empty()) return;
  for (const Step& step : reactions.mapped()) Perform(step);
}

void Driver::WaitEnded(std::uint32_t id, absl::StatusOr<RetryDoneFunc> result,
                       const Ending& expected) {
  Client& client = clients_[id];
  client.resumed = true;
  Ending ending;
  if (result.ok()) {
    if (!*result) Fail(absl::StrCat("#", id, " was held, but its token is empty"));
    ending.released_by = result->released_by();
  } else {
    ending.error = ReasonOf(result.status());
    if (!ending.error.has_value()) {
      return Fail(absl::StrCat("#", id, " ended with ", result.status().ToString()));
    }
    CheckError(client.request, result.status(), *ending.error);
  }
  invariants_.Ended(id, ending, model_.now());
  if (!(ending == expected)) {
    Fail(absl::StrCat("#", id, " ended: ", Text(ending), "; should be: ", Text(expected)));
  }
  if (result.ok()) client.token = *std::move(result);
}

void Driver::TakeReturnedCalls() {
  for (auto it = blocked_.begin(); it != blocked_.end() && !failed();) {
    const std::uint32_t id = it->first;
    if (model_.PhaseOf(id) == Model::Phase::kHeld) {
      if (it->second->Returned()) return Fail(absl::StrCat("#", id, " returned while it is held"));
      ++it;
      continue;
    }
    std::optional<BlockingCaller::Result> result = it->second->Take(patience_);
    if (!result.has_value()) {
      return Fail(absl::StrCat("the blocking call #", id,
                               " does not return; should be: ", Text(model_.EndingOf(id))));
    }
    it = blocked_.erase(it);
    WaitEnded(id, *std::move(result), model_.EndingOf(id));
  }
}

void Driver::Wakeup() {
  if (shutdown_returned_) Fail("wakeup was called after Shutdown returned");
  ++wakeups_;
  if (std::this_thread::get_id() == thread_) ++own_wakeups_;
}

}  // namespace failover::simulation

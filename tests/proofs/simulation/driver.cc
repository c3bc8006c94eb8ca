#include "driver.h"

#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "failover/errors.h"

namespace failover::simulation {

namespace {

// Poll may ask to be called again at once this many times in a row. More would be an endless loop.
constexpr int kMostPolls = 10'000;

std::string Text(const Ending& ending) {
  if (ending.error.has_value()) return absl::StrCat("error ", std::string(ToString(*ending.error)));
  if (!ending.released_by.has_value()) return "released by its window";
  return absl::StrCat("released by ", std::string(ToString(*ending.released_by)));
}

}  // namespace

Driver::Driver(const Config& config, std::chrono::seconds patience)
    : config_(config),
      patience_(patience),
      clock_(absl::UnixEpoch() + absl::Nanoseconds(config.clock_start_ns)),
      model_(config),
      invariants_(config, [this](const std::string& what) { Fail(what); }) {
  BufferOptions options = MakeOptions(config);
  options.clock = &clock_;
  options.wakeup = [this] { Wakeup(); };
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
  clock_.buffer = nullptr;
  buffer_.reset();
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
  }
  TakeReturnedCalls();
}

// ---- Requests.

// The classifier is foreign code, as the clock is: the Buffer must not call it under a lock.
bool Driver::Classify(const absl::Status& error) {
  if (config_.foreign_code_looks) buffer_->Stats();
  return absl::IsAborted(error);
}

ShardHandle Driver::Handle(std::size_t name) {
  const ShardHandle handle = buffer_->GetShard(NameOf(name).keyspace, NameOf(name).shard);
  if (static_cast<bool>(handle) != model_.GetShard(name)) {
    Fail(handle ? "GetShard gave a handle that should be inert" : "GetShard gave an inert handle");
  }
  if (!handle) return handle;
  const auto [it, first] = handles_.emplace(name, handle);
  if (it->second != handle) Fail("GetShard gave another handle than before");
  for (const auto& [other, taken] : handles_) {
    if (other != name && taken == handle) Fail("GetShard gave one handle for two shards");
  }
  return handle;
}

void Driver::Request(const Step& step) {
  const auto [it, is_new] = clients_.try_emplace(step.id);
  if (!is_new) return;
  it->second.request = step;
  if (buffer_->IsFailover(ErrorOf(step)) != (step.cause == Cause::kFailover)) {
    Fail("IsFailover has the wrong answer");
  }
  const ShardHandle shard = step.by_name ? ShardHandle() : Handle(step.name);
  const Answer expected = model_.Request(step);
  const std::uint64_t held = expected.verdict == Verdict::kHeld ? 1 : 0;
  if (held == 1) invariants_.Held(step, model_.now());
  switch (step.face) {
    case Face::kCallback:
      coverage_.held_callbacks += held;
      RequestByCallback(step, shard, expected);
      break;
    case Face::kCoroutine:
      coverage_.held_coroutines += held;
      RequestByCoroutine(step, shard, expected);
      break;
    case Face::kBlocking:
      coverage_.held_threads += held;
      RequestBlocking(step, shard, expected);
      break;
  }
}

void Driver::RequestByCallback(const Step& step, ShardHandle shard, const Answer& expected) {
  Client& client = clients_[step.id];
  RequestContext context;
  context.timeout = TimeoutOf(step);
  context.bytes = step.bytes;
  WaitCallback callback = [this, id = step.id, witness = Witness(&client.callback_alive)](
                              absl::StatusOr<RetryDoneFunc> result) {
    CallbackRan(id, std::move(result));
  };
  const ShardName& name = NameOf(step.name);
  absl::StatusOr<BufferedRequest> held =
      step.by_name
          ? buffer_->WaitForFailoverEndAsync(context, name.keyspace, name.shard, ErrorOf(step),
                                             std::move(callback))
          : buffer_->WaitForFailoverEndAsync(context, shard, ErrorOf(step), std::move(callback));
  CheckAnswer(step, held.status(), held.ok() && *held, expected);
  if (held.ok()) client.handle = *std::move(held);
}

void Driver::RequestByCoroutine(const Step& step, ShardHandle shard, const Answer& expected) {
  Client& client = clients_[step.id];
  RequestContext context;
  context.timeout = TimeoutOf(step);
  context.bytes = step.bytes;
  client.starts = true;
  const auto on_result = [this, &client](absl::StatusOr<RetryDoneFunc> result) {
    if (!client.starts) return CallbackRan(client.request.id, std::move(result));
    client.answer = result.status();
    if (result.ok()) client.token = *std::move(result);
  };
  client.coroutine = AwaitAndTell(*buffer_, context, shard, ErrorOf(step), on_result);
  client.starts = false;
  if (client.token) Fail("a coroutine was held, but went on at once");
  CheckAnswer(step, client.answer, client.coroutine.waits(), expected);
}

void Driver::RequestBlocking(const Step& step, ShardHandle shard, const Answer& expected) {
  Client& client = clients_[step.id];
  if (step.cancelled) {
    client.stop.request_stop();
    client.cancellation.Cancel();
  }
  if (expected.verdict != Verdict::kHeld) {
    const absl::StatusOr<RetryDoneFunc> done = BlockingCall(step, shard, client);
    CheckAnswer(step, done.status(), done.ok() && *done, expected);
    return;
  }
  BlockingCaller& caller = IdleCaller();
  blocked_[step.id] = &caller;
  caller.Start([this, step, shard, &client] { return BlockingCall(step, shard, client); });
  WaitUntilHeld(step, caller);
}

// This function runs in the thread that the call blocks.
absl::StatusOr<RetryDoneFunc> Driver::BlockingCall(const Step& step, ShardHandle shard,
                                                   Client& client) {
  RequestContext context;
  context.timeout = TimeoutOf(step);
  context.bytes = step.bytes;
  if (!step.by_stop_token) context.cancellation = &client.cancellation;
  const absl::Status error = ErrorOf(step);
  if (step.by_name) {
    const ShardName& name = NameOf(step.name);
    return buffer_->WaitForFailoverEnd(context, name.keyspace, name.shard, error);
  }
  if (!step.by_stop_token) return buffer_->WaitForFailoverEnd(context, shard, error);
  return buffer_->WaitForFailoverEnd(context, shard, error, client.stop.get_token());
}

BlockingCaller& Driver::IdleCaller() {
  for (const std::unique_ptr<BlockingCaller>& caller : callers_) {
    bool idle = true;
    for (const auto& [id, busy] : blocked_) idle = idle && busy != caller.get();
    if (idle) return *caller;
  }
  return *callers_.emplace_back(std::make_unique<BlockingCaller>());
}

// The thread may still be on its way to the point where it blocks. The counters show its request
// once the request is held.
void Driver::WaitUntilHeld(const Step& step, BlockingCaller& caller) {
  const BufferStats expected = model_.Stats();
  const ShardName& name = NameOf(step.name);
  const auto give_up = std::chrono::steady_clock::now() + patience_;
  while (!caller.Returned()) {
    const std::optional<ShardStats> stats = buffer_->GetShardStats(name.keyspace, name.shard);
    for (const ShardStats& shard : expected.shards) {
      const bool same = shard.keyspace == name.keyspace && shard.shard == name.shard;
      if (same && stats.has_value() && stats->requests_buffered == shard.requests_buffered) return;
    }
    if (std::chrono::steady_clock::now() > give_up) {
      return Fail(absl::StrCat("the blocking call #", step.id, " is neither held nor returns"));
    }
    std::this_thread::yield();
  }
  Fail(absl::StrCat("the blocking call #", step.id, " returned at once and should be held"));
}

void Driver::Cancel(const Step& step) {
  Client& client = clients_.at(step.id);
  if (client.request.face == Face::kBlocking) {
    model_.CancelBlocking(step.id);
    client.stop.request_stop();
    client.cancellation.Cancel();
    return;
  }
  if (client.request.face == Face::kCoroutine) return DestroyCoroutine(client);
  const bool expected = client.handle ? CancelInModel(step.id) : false;
  const bool won = client.handle.Cancel();
  if (won) invariants_.CancelWon(step.id);
  if (won != expected) {
    Fail(absl::StrCat("Cancel of #", step.id,
                      won ? " won and should lose" : " lost and should win"));
  }
  if (won && client.callback_alive) {
    Fail(absl::StrCat("the cancel of #", step.id, " won, but the callback is not destroyed"));
  }
}

void Driver::Detach(const Step& step) {
  BufferedRequest& handle = clients_.at(step.id).handle;
  handle.Detach();
  if (handle) Fail("a detached handle is not empty");
}

bool Driver::CancelInModel(std::uint32_t id) {
  if (model_.PhaseOf(id) == Model::Phase::kReleased) ++coverage_.cancelled_after_release;
  return model_.Cancel(id);
}

// A coroutine that waits is cancelled by its destruction, which must not happen from inside the
// coroutine.
void Driver::DestroyCoroutine(Client& client) {
  if (client.resumed || !client.coroutine.waits()) return;
  if (!CancelInModel(client.request.id)) Fail("a coroutine waits, but its wait should have ended");
  invariants_.CancelWon(client.request.id);
  client.coroutine = Coroutine();
}

void Driver::DropHandle(const Step& step) {
  Client& client = clients_.at(step.id);
  if (client.request.face == Face::kCoroutine) return DestroyCoroutine(client);
  if (!client.handle) return;
  const bool wins = CancelInModel(step.id);
  if (wins) invariants_.CancelWon(step.id);
  { const BufferedRequest dropped = std::move(client.handle); }
  if (wins && client.callback_alive) {
    Fail(absl::StrCat("the handle of #", step.id, " is gone, but its callback is not"));
  }
}

void Driver::EndRetry(const Step& step) {
  RetryDoneFunc& token = clients_.at(step.id).token;
  const bool engaged = static_cast<bool>(token);
  model_.EndRetry(step.id, engaged ? step.retry_end : RetryEnd::kCall);
  invariants_.RetryEnded(step.id);
  switch (step.retry_end) {
    case RetryEnd::kCall:
      token();
      token();
      break;
    case RetryEnd::kCallWithOk:
      token(absl::OkStatus());
      break;
    case RetryEnd::kCallWithError:
      token(absl::UnavailableError("the retry failed, too"));
      break;
    case RetryEnd::kDestroy: {
      const RetryDoneFunc dropped = std::move(token);
      return;
    }
    case RetryEnd::kAssign:
      token = RetryDoneFunc();
      return;
  }
  if (static_cast<bool>(token) != engaged) Fail("a token forgot whether it was buffered");
}

// ---- Reports and events about the primaries.

void Driver::Report(const Step& step) {
  TabletStats stats;
  stats.alias = AliasOf(step.alias);
  stats.target.keyspace = std::string(NameOf(step.name).keyspace);
  stats.target.shard = std::string(NameOf(step.name).shard);
  stats.target.tablet_type = step.tablet_type;
  stats.up = step.up;
  stats.serving = step.serving;
  stats.tablet_externally_reparented_timestamp = step.timestamp;
  model_.Report(step);
  buffer_->StatsUpdate(stats);
}

void Driver::KeyspaceEvent(const Step& step) {
  failover::KeyspaceEvent event;
  event.move_tables_state = step.move_tables_state;
  for (std::size_t i = 0; i < step.news_count; ++i) {
    const ShardNews& news = step.news[i];
    ShardEvent shard;
    shard.alias = AliasOf(news.alias);
    shard.target.keyspace = std::string(NameOf(news.name).keyspace);
    shard.target.shard = std::string(NameOf(news.name).shard);
    shard.target.tablet_type = TabletType::kPrimary;
    shard.serving = news.serving;
    event.keyspace = shard.target.keyspace;
    event.shards.push_back(std::move(shard));
  }
  model_.HandleKeyspaceEvent(step);
  buffer_->HandleKeyspaceEvent(event);
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
  in_buffer_ = true;
  buffer_->Shutdown();
  in_buffer_ = false;
  shutdown_returned_ = true;
  TakeReturnedCalls();
  model_.EndShutdown();
  invariants_.ShutdownReturned();
  if (!model_.In(Model::Phase::kReleased).empty()) Fail("Shutdown left a callback");
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

// This file holds how the Driver does each kind of step on the Buffer.
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "driver.h"
#include "failover/errors.h"

namespace failover::simulation {

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

RequestContext Driver::ContextOf(const Step& step) {
  RequestContext context;
  context.timeout = TimeoutOf(step);
  context.bytes = step.bytes;
  context.may_probe = step.may_probe;
  context.writes = step.writes;
  context.work = step.work;
  return context;
}

std::optional<RetryDoneFunc> Driver::TakePrevious(const Step& step) {
  if (step.previous == 0) return std::nullopt;
  const auto it = clients_.find(step.previous);
  if (it == clients_.end()) return RetryDoneFunc();
  return std::move(it->second.token);
}

void Driver::Request(const Step& step) {
  const auto [it, is_new] = clients_.try_emplace(step.id);
  if (!is_new) return;
  it->second.request = step;
  if (step.cancelled) {
    it->second.stop.request_stop();
    it->second.cancellation.Cancel();
  }
  const bool is_status = step.cause <= Cause::kOther;
  if (is_status && buffer_->IsFailover(ErrorOf(step)) != IsFailover(step.cause)) {
    Fail("IsFailover has the wrong answer");
  }
  const ShardHandle shard = step.by_name ? ShardHandle() : Handle(step.name);
  const Answer expected = model_.Request(step, in_buffer_);
  const std::uint64_t held = expected.verdict == Verdict::kHeld ? 1 : 0;
  const bool again = held == 1 && model_.HeldAgain(step.id);
  if (held == 1) invariants_.Held(step, again, model_.now(), model_.WindowOf(step.name));
  if (step.previous != 0 && !again) invariants_.RetryEnded(step.previous);
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
  RequestContext context = ContextOf(step);
  context.cancellation = &client.cancellation;
  WaitCallback callback = [this, id = step.id, witness = Witness(&client.callback_alive)](
                              absl::StatusOr<RetryDoneFunc> result) {
    CallbackRan(id, std::move(result));
  };
  const ShardName& name = NameOf(step.name);
  const absl::Status error = ErrorOf(step);
  LastAttempt last = MakeLastAttempt(step, error, TakePrevious(step));
  absl::StatusOr<BufferedRequest> held =
      step.by_name
          ? buffer_->WaitForFailoverEndAsync(context, name.keyspace, name.shard, std::move(last),
                                             std::move(callback))
          : buffer_->WaitForFailoverEndAsync(context, shard, std::move(last), std::move(callback));
  CheckAnswer(step, held.status(), held.ok() && *held, expected);
  if (held.ok() && !*held) client.token = held->TakeToken();
  if (held.ok()) client.handle = *std::move(held);
}

void Driver::RequestByCoroutine(const Step& step, ShardHandle shard, const Answer& expected) {
  Client& client = clients_[step.id];
  RequestContext context = ContextOf(step);
  context.cancellation = &client.cancellation;
  client.starts = true;
  const auto on_result = [this, &client](absl::StatusOr<RetryDoneFunc> result) {
    if (!client.starts) return CallbackRan(client.request.id, std::move(result));
    client.answer = result.status();
    if (result.ok()) client.token = *std::move(result);
  };
  client.coroutine =
      AwaitAndTell(*buffer_, context, shard, step, ErrorOf(step), TakePrevious(step), on_result);
  client.starts = false;
  if (client.token) Fail("a coroutine was held, but went on at once");
  CheckAnswer(step, client.answer, client.coroutine.waits(), expected);
}

void Driver::RequestBlocking(const Step& step, ShardHandle shard, const Answer& expected) {
  Client& client = clients_[step.id];
  client.handed_back = TakePrevious(step);
  if (expected.verdict != Verdict::kHeld) {
    absl::StatusOr<RetryDoneFunc> done = BlockingCall(step, shard, client);
    CheckAnswer(step, done.status(), done.ok() && *done, expected);
    if (done.ok()) client.token = *std::move(done);
    return;
  }
  BlockingCaller& caller = IdleCaller();
  blocked_[step.id] = &caller;
  caller.Start([this, step, shard, &client] { return BlockingCall(step, shard, client); });
  // A request that joins a drain may be released at once. TakeReturnedCalls waits for its call.
  if (model_.PhaseOf(step.id) == Phase::kHeld) WaitUntilHeld(step, caller);
}

// This function runs in the thread that the call blocks.
absl::StatusOr<RetryDoneFunc> Driver::BlockingCall(const Step& step, ShardHandle shard,
                                                   Client& client) {
  RequestContext context = ContextOf(step);
  if (!step.by_stop_token) context.cancellation = &client.cancellation;
  const absl::Status error = ErrorOf(step);
  LastAttempt last = MakeLastAttempt(step, error, std::move(client.handed_back));
  if (step.by_name) {
    const ShardName& name = NameOf(step.name);
    return buffer_->WaitForFailoverEnd(context, name.keyspace, name.shard, std::move(last));
  }
  if (!step.by_stop_token) return buffer_->WaitForFailoverEnd(context, shard, std::move(last));
  return buffer_->WaitForFailoverEnd(context, shard, std::move(last), client.stop.get_token());
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
  if (client.request.face == Face::kBlocking || step.by_context) {
    model_.CancelByContext(step.id);
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
  model_.EndWork(step.id);
  if (engaged) model_.EndRetry(step.id, AttemptOf(step.retry_end));
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
    case RetryEnd::kCallWithFailover: {
      Step failed;
      failed.id = step.id;
      failed.cause = Cause::kFailover;
      token(ErrorOf(failed));
      break;
    }
    case RetryEnd::kTellRefused:
    case RetryEnd::kTellRefusedAtConnect:
    case RetryEnd::kTellFailed:
    case RetryEnd::kTellSucceeded:
    case RetryEnd::kTellUnknown:
      token(AttemptOf(step.retry_end));
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
  if (step.observed_ns != kNoStamp) {
    stats.observed_at = absl::UnixEpoch() + absl::Nanoseconds(step.observed_ns);
  }
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

}  // namespace failover::simulation

#include "generator.h"

#include <algorithm>
#include <string_view>

namespace failover::simulation {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMillisecond = 1'000'000;

}  // namespace

Generator::Generator(Random random, const Config& config) : random_(random), config_(config) {
  constexpr std::array<unsigned, kStepKinds> kUsual = {
      50,  // kRequest
      5,   // kCancel
      2,   // kDetach
      2,   // kDropHandle
      30,  // kEndRetry
      30,  // kReport
      3,   // kKeyspaceEvent
      25,  // kAdvanceClock
      20,  // kPoll
      2,   // kStartBuffering
      2,   // kStopBuffering
      1,   // kGetShard
      0,   // kShutdown is rare; see below.
      4,   // kNoteRefused
      0,   // kBeginSwitchover,
      0,   // kCommit, and
      0,   // kAbort come in some runs, and so does
      0,   // kReconfigure; see below.
      0,   // kBeginShutdown is as rare as kShutdown.
      0,   // kNeighbour comes in runs with a budget.
      0,   // kFaultsStop is the last step of a run.
  };
  // Each run leaves out some kinds of steps, and does others more often. Such a run gets to corners
  // that a mixture of everything hardly reaches.
  for (std::size_t kind = 0; kind < kStepKinds; ++kind) {
    if (kUsual[kind] == 0 && kind > static_cast<std::size_t>(StepKind::kNoteRefused)) continue;
    weights_[kind] = kUsual[kind] * random_.Pick<unsigned>({0, 5, 10, 10, 10, 30});
  }
  const auto at_least = [this](StepKind kind, unsigned weight) {
    unsigned& it = weights_[static_cast<std::size_t>(kind)];
    it = std::max(it, weight);
  };
  at_least(StepKind::kRequest, 200);
  at_least(StepKind::kAdvanceClock, 30);
  at_least(StepKind::kPoll, 30);
  if (random_.Chance(50)) weights_[static_cast<std::size_t>(StepKind::kShutdown)] = 2;
  if (random_.Chance(30)) weights_[static_cast<std::size_t>(StepKind::kBeginShutdown)] = 2;
  reactions_percent_ = random_.Pick<unsigned>({0, 20, 60});
  lost_retries_ = random_.Pick<std::uint32_t>({0, 0, 23, 100});
  slow_callbacks_ = random_.Chance(10);
  may_probe_percent_ = random_.Pick<unsigned>({0, 50, 100, 100});
  comes_back_percent_ = random_.Pick<unsigned>({0, 10, 50, 80});
  told_percent_ = random_.Pick<unsigned>({0, 50, 100});
  stamped_percent_ = random_.Pick<unsigned>({0, 50, 100});
  if (random_.Chance(30)) {
    work_percent_ = random_.Pick<unsigned>({30, 60, 100});
    at_least(StepKind::kBeginSwitchover, 40);
    at_least(StepKind::kCommit, random_.Pick<unsigned>({5, 20}));
    at_least(StepKind::kAbort, random_.Pick<unsigned>({5, 20}));
  }
  if (config_.flood == 0 && random_.Chance(40)) {
    at_least(StepKind::kReconfigure, random_.Pick<unsigned>({5, 20, 60}));
  }
  if (config_.budget_size != 0) {
    at_least(StepKind::kNeighbour, random_.Pick<unsigned>({10, 40, 100}));
  }
  AddFlood();
}

void Generator::AddFlood() {
  if (config_.flood == 0) return;
  Step start;
  start.kind = StepKind::kStartBuffering;
  next_.push_back(start);
  for (std::uint32_t i = 0; i < config_.flood; ++i) {
    Step request;
    request.kind = StepKind::kRequest;
    request.id = ++last_id_;
    request.timeout_ns = kForEver;
    next_.push_back(request);
  }
}

Step Generator::Next(const Model& model) {
  now_ = model.now();
  while (next_.empty()) AddStep(model);
  const Step step = next_.front();
  next_.pop_front();
  if (step.kind == StepKind::kReconfigure) config_ = Reconfigured(config_, step.seed);
  return step;
}

void Generator::AddStep(const Model& model) {
  unsigned sum = 0;
  for (const unsigned weight : weights_) sum += weight;
  auto at = static_cast<unsigned>(random_.Below(sum));
  std::size_t kind = 0;
  while (at >= weights_[kind]) at -= weights_[kind++];
  switch (static_cast<StepKind>(kind)) {
    case StepKind::kRequest:
      return AddRequest(model);
    case StepKind::kCancel:
    case StepKind::kDetach:
    case StepKind::kDropHandle:
      return AddAboutRequest(model, static_cast<StepKind>(kind));
    case StepKind::kEndRetry:
      return AddEndRetry(model);
    case StepKind::kReport:
      return random_.Chance(40) ? AddWorldEvent(model) : DeliverReport(model);
    case StepKind::kKeyspaceEvent:
      return AddKeyspaceEvent(model);
    case StepKind::kAdvanceClock:
      return AddAdvance(model);
    case StepKind::kStartBuffering:
    case StepKind::kStopBuffering:
    case StepKind::kGetShard:
    case StepKind::kNoteRefused:
      return AddByName(model, static_cast<StepKind>(kind));
    case StepKind::kBeginSwitchover:
    case StepKind::kCommit:
    case StepKind::kAbort:
      return AddSwitchover(model, static_cast<StepKind>(kind));
    case StepKind::kReconfigure:
      return AddReconfigure();
    case StepKind::kNeighbour:
      return AddNeighbour();
    case StepKind::kFaultsStop:
    case StepKind::kPoll:
    case StepKind::kBeginShutdown:
    case StepKind::kShutdown: {
      Step step;
      step.kind = static_cast<StepKind>(kind);
      next_.push_back(step);
      return;
    }
  }
}

// ---- Clients.

Step Generator::MakeRequest(std::uint8_t name) {
  Step step;
  step.kind = StepKind::kRequest;
  step.id = ++last_id_;
  step.name = name;
  step.face = random_.Chance(8) ? Face::kBlocking : Face::kCallback;
  if (random_.Chance(20)) step.face = Face::kCoroutine;
  step.by_name = step.face != Face::kCoroutine && random_.Chance(25);
  const bool primary_works = shards_[step.name].up && shards_[step.name].serving;
  step.cause = Cause::kNone;
  if (random_.Chance(primary_works ? 20 : 70)) {
    step.cause = random_.Pick({Cause::kFailover, Cause::kRefused, Cause::kRefusedAtConnect});
  }
  if (random_.Chance(5)) {
    step.cause = random_.Pick({Cause::kOther, Cause::kFailed, Cause::kSucceeded, Cause::kUnknown});
  }
  step.may_probe = random_.Chance(may_probe_percent_);
  step.writes = random_.Chance(30);
  step.timeout_ns = kForEver;
  if (random_.Chance(30)) {
    const std::int64_t window = config_.window_ns;
    step.timeout_ns = random_.Pick<std::int64_t>(
        {0, -1, 1, window - 1, window, window + 1, window / 2, window / 3, window * 2, -kForEver});
  }
  if (config_.max_bytes != 0 || random_.Chance(5)) {
    const auto most = static_cast<std::uint32_t>(config_.max_bytes);
    step.bytes = random_.Pick<std::uint32_t>({0, 0, 1, most / 2, most / 3, most, most + 1, 5});
  }
  if (step.face == Face::kBlocking) {
    step.by_stop_token = !step.by_name && random_.Chance(30);
    step.cancelled = step.timeout_ns == kForEver && random_.Chance(10);
  } else {
    step.cancelled = step.timeout_ns == kForEver && random_.Chance(2);
  }
  if (work_percent_ > 0 && random_.Chance(work_percent_)) {
    step.work = random_.Chance(30) ? Work::kTransaction : Work::kStatement;
  }
  return step;
}

void Generator::AddRequest(const Model& model) {
  // A burst often adds several requests at once, so that there is something to drain.
  const std::uint8_t name = AnyName(model);
  const std::uint64_t burst = random_.Chance(20) ? 1 + random_.Below(8) : 1;
  for (std::uint64_t i = 0; i < burst; ++i) {
    const Step request = MakeRequest(name);
    // What the request does in its callback has to be known before the callback runs.
    if (request.face != Face::kBlocking) AddReactions(model, request.id);
    next_.push_back(request);
  }
}

void Generator::AddReactions(const Model& model, std::uint32_t id) {
  if (slow_callbacks_) {
    if (!random_.Chance(20)) return;
    Step slow;
    slow.kind = StepKind::kAdvanceClock;
    slow.during = id;
    slow.advance_ns = random_.Pick<std::int64_t>({1, config_.window_ns / 3, config_.window_ns});
    next_.push_back(slow);
    return;
  }
  while (random_.Chance(reactions_percent_)) AddReaction(model, id);
}

void Generator::AddReaction(const Model& model, std::uint32_t id) {
  const std::size_t before = next_.size();
  switch (random_.Below(13)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      Step end;
      end.kind = StepKind::kEndRetry;
      end.id = id;
      end.retry_end = AnyRetryEnd();
      next_.push_back(random_.Chance(comes_back_percent_) ? MakeComeBack(model, id) : end);
      break;
    }
    case 4: {
      Step own;
      own.kind = random_.Pick({StepKind::kCancel, StepKind::kDropHandle, StepKind::kDetach});
      own.id = id;
      next_.push_back(own);
      break;
    }
    case 5:
    case 6:
      AddAboutRequest(model, random_.Pick({StepKind::kCancel, StepKind::kDropHandle}));
      break;
    case 7:
      next_.push_back(MakeRequest(AnyName(model)));
      break;
    case 8:
      DeliverReport(model);
      break;
    case 9:
      AddKeyspaceEvent(model);
      break;
    case 10:
      AddByName(model, random_.Pick({StepKind::kStartBuffering, StepKind::kStopBuffering}));
      break;
    case 11: {
      Step step;
      step.kind = random_.Chance(3) ? StepKind::kShutdown : StepKind::kPoll;
      if (random_.Chance(3)) step.kind = StepKind::kBeginShutdown;
      next_.push_back(step);
      break;
    }
    case 12:
      if (weights_[static_cast<std::size_t>(StepKind::kReconfigure)] > 0) AddReconfigure();
      break;
  }
  for (std::size_t i = before; i < next_.size(); ++i) next_[i].during = id;
}

void Generator::AddAboutRequest(const Model& model, StepKind kind) {
  std::vector<std::uint32_t> ids = model.In(Model::Phase::kHeld);
  const std::vector<std::uint32_t> released = model.In(Model::Phase::kReleased);
  if (!released.empty() && random_.Chance(60)) ids = released;
  if (random_.Chance(10)) ids = model.In(Model::Phase::kRetrying);
  if (random_.Chance(10)) ids = model.In(Model::Phase::kOver);
  Step step;
  step.kind = kind;
  step.id = AnyOf(ids);
  step.by_context = kind == StepKind::kCancel && random_.Chance(30);
  next_.push_back(step);
}

void Generator::AddEndRetry(const Model& model) {
  const bool late = random_.Chance(model.shut_down() ? 50 : 5);
  std::vector<std::uint32_t> ids = model.In(late ? Model::Phase::kOver : Model::Phase::kRetrying);
  const std::vector<std::uint32_t> passed = model.Passed();
  if (!passed.empty() && random_.Chance(60)) ids = passed;
  // In some runs, one client in a few never reports the end of its retry.
  std::vector<std::uint32_t> honest;
  for (const std::uint32_t id : ids) {
    if (lost_retries_ == 0 || id % lost_retries_ != 0) honest.push_back(id);
  }
  Step step;
  step.kind = StepKind::kEndRetry;
  step.id = AnyOf(honest);
  if (step.id != 0 && random_.Chance(comes_back_percent_)) {
    const Step request = MakeComeBack(model, step.id);
    if (request.face != Face::kBlocking) AddReactions(model, request.id);
    next_.push_back(request);
    return;
  }
  step.retry_end = AnyRetryEnd();
  next_.push_back(step);
}

RetryEnd Generator::AnyRetryEnd() {
  if (random_.Chance(told_percent_)) {
    return random_.Pick({RetryEnd::kCallWithOk, RetryEnd::kTellSucceeded, RetryEnd::kTellSucceeded,
                         RetryEnd::kCallWithError, RetryEnd::kCallWithFailover,
                         RetryEnd::kTellRefused, RetryEnd::kTellRefusedAtConnect,
                         RetryEnd::kTellFailed, RetryEnd::kTellUnknown});
  }
  return random_.Pick({RetryEnd::kCall, RetryEnd::kDestroy, RetryEnd::kAssign});
}

// The retry of the request ended, mostly because it was refused, and its client comes back.
Step Generator::MakeComeBack(const Model& model, std::uint32_t id) {
  const bool strays = random_.Chance(5);
  const std::uint8_t home = model.PhaseOf(id).has_value() ? model.StepOf(id).name : std::uint8_t{0};
  Step request = MakeRequest(strays ? AnyName(model) : home);
  if (random_.Chance(90)) {
    request.cause = random_.Pick({Cause::kFailover, Cause::kRefused, Cause::kRefusedAtConnect});
  }
  // What the request said when it came first stays true, whatever it says now.
  if (random_.Chance(30)) {
    request.cause = Cause::kRefusedAtConnect;
    request.writes = false;
  }
  request.previous = id;
  return request;
}

void Generator::AddByName(const Model& model, StepKind kind) {
  Step step;
  step.kind = kind;
  step.name = AnyName(model);
  next_.push_back(step);
}

void Generator::AddSwitchover(const Model& model, StepKind kind) {
  Step step;
  step.kind = kind;
  if (kind == StepKind::kBeginSwitchover) {
    step.id = ++last_id_;
    step.name = static_cast<std::uint8_t>(random_.Below(config_.names));
    step.grace_ns = random_.Pick<std::int64_t>(
        {0, kSecond / 2, config_.window_ns / 3, config_.window_ns, 2 * config_.window_ns});
    step.timeout_ns = random_.Pick<std::int64_t>(
        {1, config_.window_ns / 2, config_.window_ns, config_.window_ns});
    step.proceeds = random_.Chance(50);
    step.commit_only = random_.Chance(30);
    next_.push_back(step);
    return;
  }
  // Mostly the latest one. An earlier one must do nothing.
  const std::vector<std::uint32_t> ids = model.Switchovers();
  if (!ids.empty()) step.id = random_.Chance(80) ? ids.back() : random_.Pick(ids);
  step.by_context = random_.Chance(30);
  next_.push_back(step);
}

void Generator::AddReconfigure() {
  Step step;
  step.kind = StepKind::kReconfigure;
  step.seed = random_.Below(1'000'000);
  next_.push_back(step);
}

void Generator::AddNeighbour() {
  const auto size = static_cast<std::uint32_t>(config_.budget_size);
  const auto bytes = static_cast<std::uint32_t>(config_.budget_bytes);
  const std::uint32_t turns =
      config_.names == 1 ? static_cast<std::uint32_t>(config_.budget_retries) : 0;
  Step step;
  step.kind = StepKind::kNeighbour;
  step.slots = random_.Pick<std::uint32_t>({0, size / 2, size - 1, size});
  step.bytes = random_.Pick<std::uint32_t>({0, bytes / 2, bytes});
  step.turns = random_.Pick<std::uint32_t>({0, turns / 2, turns, turns});
  next_.push_back(step);
}

void Generator::AddAdvance(const Model& model) {
  Step step;
  step.kind = StepKind::kAdvanceClock;
  step.advance_ns = random_.Pick<std::int64_t>(
      {1, kSecond / 100, 50 * kMillisecond, kSecond / 10, kSecond / 2, config_.window_ns / 3});
  const std::vector<absl::Time> moments = model.Moments();
  if (!moments.empty() && random_.Chance(40)) {
    // The clock moves to a moment at which something changes: exactly, or just before or after it.
    const absl::Time moment = random_.Pick(moments);
    step.advance_ns = absl::ToInt64Nanoseconds(moment - model.now()) +
                      random_.Pick<std::int64_t>({-1, 0, 0, 0, 1});
    step.advance_ns = std::max<std::int64_t>(step.advance_ns, 0);
  } else if (random_.Chance(model.NextDue().has_value() ? 5 : 60)) {
    step.advance_ns = config_.min_time_between_failovers_ns;
  }
  next_.push_back(step);
  if (random_.Chance(60)) next_.emplace_back();  // A default Step is a Poll.
}

void Generator::AddKeyspaceEvent(const Model& model) {
  Step step;
  step.kind = StepKind::kKeyspaceEvent;
  step.move_tables_state = random_.Pick({MoveTablesState::kUnknown, MoveTablesState::kUnknown,
                                         MoveTablesState::kSwitching, MoveTablesState::kSwitched});
  const std::string_view keyspace = NameOf(AnyName(model)).keyspace;
  for (std::size_t i = random_.Below(5); i > 0 && step.news_count < step.news.size(); --i) {
    const std::uint8_t name = AnyName(model);
    if (NameOf(name).keyspace != keyspace) continue;
    ShardNews& news = step.news[step.news_count++];
    news.name = name;
    Shard& shard = shards_[news.name];
    if (random_.Chance(30)) {
      shard.primary = static_cast<std::uint8_t>(1 + random_.Below(kAliases - 1));
      shard.serving = shard.up = true;
      ++shard.timestamp;
    }
    news.alias = random_.Chance(20) ? std::uint8_t{0} : shard.primary;
    news.serving = random_.Chance(70);
  }
  next_.push_back(step);
}

// Often returns a shard that is failing over, because more can go wrong there.
std::uint8_t Generator::AnyName(const Model& model) {
  const auto any = static_cast<std::uint8_t>(random_.Below(config_.names));
  if (random_.Chance(40)) return any;
  for (std::size_t i = 0; i < config_.names; ++i) {
    const std::size_t name = (any + i) % config_.names;
    if (model.StateOf(name) != State::kIdle) return static_cast<std::uint8_t>(name);
  }
  return any;
}

// Returns 0, which is no request's number, if there are no ids.
std::uint32_t Generator::AnyOf(const std::vector<std::uint32_t>& ids) {
  return ids.empty() ? 0 : random_.Pick(ids);
}

}  // namespace failover::simulation

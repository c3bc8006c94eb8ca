#include "generator.h"

#include <algorithm>
#include <string_view>

namespace failover::simulation {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// Chooses what keyspace_shards lists. Names that contain a slash cannot be listed.
void ListSome(Random& random, Config& config) {
  constexpr std::size_t kListable[] = {0, 1, 2, 5, 6, 7};
  const bool keyspace_a = random.Chance(30);
  config.keyspace_listed[0] = keyspace_a;
  for (const std::size_t name : kListable) {
    const bool in_a = NameOf(name).keyspace == NameOf(0).keyspace;
    if (in_a && keyspace_a) continue;  // The entries would overlap.
    if (random.Chance(30)) {
      config.shard_listed[name] = true;
    } else if (!in_a && random.Chance(20)) {
      config.keyspace_listed[name] = true;
    }
  }
}

}  // namespace

Config MakeConfig(std::uint64_t seed) {
  Random random(seed ^ 0xc0ffee);
  return MakeConfig(random);
}

Config MakeConfig(Random& random) {
  Config config;
  config.window_ns = random.Pick<std::int64_t>({1, 1, 2, 5, 10}) * kSecond;
  config.max_failover_duration_ns =
      config.window_ns + random.Pick<std::int64_t>({0, 1, 1, 3, 10}) * kSecond;
  config.min_time_between_failovers_ns =
      2 * config.max_failover_duration_ns + random.Pick<std::int64_t>({0, 0, 1, 30}) * kSecond;
  config.size = random.Pick<std::int64_t>({1, 2, 3, 5, 8, 30, 30, 1000});
  config.drain_concurrency = random.Pick<std::int64_t>({1, 1, 1, 2, 3, 1000});
  config.max_bytes = random.Pick<std::uint64_t>({0, 0, 1, 10, 100});
  config.max_shards = random.Chance(10) ? random.Pick<std::int64_t>({1, 2, 3}) : 65536;
  config.own_classifier = random.Chance(20);
  config.foreign_code_looks = random.Chance(10);
  config.clock_start_ns =
      random.Pick<std::int64_t>({0, 0, 1, -7 * kSecond, 1'600'000'000 * kSecond});
  // With few shards each shard is hit often. With many shards, the shards affect each other.
  config.names = random.Pick<std::size_t>({1, 1, 2, 3, 3, 5, 8, 12});
  if (random.Chance(2)) config.names = kNames;
  if (random.Below(300) == 0) {
    config.flood = 1500;
    config.size = config.drain_concurrency = 2000;
    return config;
  }
  if (random.Chance(15)) ListSome(random, config);
  if (config.AnyListed()) {
    config.dry_run = random.Chance(50);
  } else if (random.Chance(10)) {
    config.enabled = false;
    config.dry_run = random.Chance(70);
  }
  return config;
}

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
  };
  // Each run leaves out some kinds of steps, and does others more often. Such a run gets to corners
  // that a mixture of everything hardly reaches.
  for (std::size_t kind = 0; kind < kStepKinds; ++kind) {
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
  reactions_percent_ = random_.Pick<unsigned>({0, 20, 60});
  lost_retries_ = random_.Pick<std::uint32_t>({0, 0, 23, 100});
  slow_callbacks_ = random_.Chance(10);
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
  while (next_.empty()) AddStep(model);
  const Step step = next_.front();
  next_.pop_front();
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
      return AddByName(model, static_cast<StepKind>(kind));
    case StepKind::kPoll:
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
  step.cause = random_.Chance(primary_works ? 20 : 70) ? Cause::kFailover : Cause::kNone;
  if (random_.Chance(3)) step.cause = Cause::kOther;
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
  switch (random_.Below(12)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      Step end;
      end.kind = StepKind::kEndRetry;
      end.id = id;
      end.retry_end = static_cast<RetryEnd>(random_.Below(5));
      next_.push_back(end);
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
      next_.push_back(step);
      break;
    }
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
  next_.push_back(step);
}

void Generator::AddEndRetry(const Model& model) {
  const bool late = model.shut_down() || random_.Chance(5);
  const std::vector<std::uint32_t> ids =
      model.In(late ? Model::Phase::kOver : Model::Phase::kRetrying);
  // In some runs, one client in a few never reports the end of its retry.
  std::vector<std::uint32_t> honest;
  for (const std::uint32_t id : ids) {
    if (lost_retries_ == 0 || id % lost_retries_ != 0) honest.push_back(id);
  }
  Step step;
  step.kind = StepKind::kEndRetry;
  step.id = AnyOf(honest);
  step.retry_end = static_cast<RetryEnd>(random_.Below(5));
  next_.push_back(step);
}

void Generator::AddByName(const Model& model, StepKind kind) {
  Step step;
  step.kind = kind;
  step.name = AnyName(model);
  next_.push_back(step);
}

void Generator::AddAdvance(const Model& model) {
  Step step;
  step.kind = StepKind::kAdvanceClock;
  step.advance_ns = random_.Pick<std::int64_t>(
      {1, kSecond / 100, kSecond / 10, kSecond / 2, config_.window_ns / 3});
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

// ---- The tablets and their reports.

void Generator::AddWorldEvent(const Model& model) {
  const std::uint8_t name = AnyName(model);
  Shard& shard = shards_[name];
  switch (random_.Below(9)) {
    case 0:
      Reparent(shard, name, true);
      break;
    case 1:
      Reparent(shard, name, false);
      break;
    case 2:  // The primary goes down or stops serving. It comes back later as it was.
      shard.up = random_.Chance(50);
      shard.serving = false;
      SendState(name);
      break;
    case 3:
      shard.up = shard.serving = true;
      SendState(name);
      break;
    case 4:  // The primary flaps.
      for (int i = 0; i < 3; ++i) {
        shard.serving = !shard.serving;
        SendState(name);
      }
      break;
    case 5: {  // Another tablet believes that it is the primary, too.
      const auto other = static_cast<std::uint8_t>(1 + random_.Below(kAliases - 1));
      SendReport(name, other, true, random_.Chance(70),
                 shard.timestamp - static_cast<std::int64_t>(random_.Below(3)));
      break;
    }
    case 6: {  // A replica reports.
      SendReport(name, 2, true, true, 0);
      feed_.back().tablet_type =
          random_.Pick({TabletType::kUnknown, TabletType::kReplica, TabletType::kRdonly});
      break;
    }
    case 7:  // The report of the primary carries no time of its promotion.
      SendReport(name, shard.primary, true, shard.serving, random_.Pick<std::int64_t>({0, -1}));
      break;
    default:
      SendState(name);
  }
  if (random_.Chance(50)) DeliverReport(model);
}

void Generator::Reparent(Shard& shard, std::uint8_t name, bool planned) {
  shard.up = planned;
  shard.serving = false;
  SendState(name);
  shard.primary = static_cast<std::uint8_t>(1 + random_.Below(kAliases - 1));
  shard.up = true;
  // Sometimes two promotions have the same timestamp, as if they fell into the same second.
  if (random_.Chance(80)) ++shard.timestamp;
  // The new primary reports that it is promoted but does not serve yet.
  if (random_.Chance(50)) SendState(name);
  shard.serving = true;
  SendState(name);
}

void Generator::SendState(std::uint8_t name) {
  const Shard& shard = shards_[name];
  SendReport(name, shard.primary, shard.up, shard.serving, shard.timestamp);
}

void Generator::SendReport(std::uint8_t name, std::uint8_t alias, bool up, bool serving,
                           std::int64_t timestamp) {
  Step report;
  report.kind = StepKind::kReport;
  report.name = name;
  report.alias = alias;
  report.up = up;
  report.serving = serving;
  report.timestamp = timestamp;
  feed_.push_back(report);
}

void Generator::DeliverReport(const Model& model) {
  if (feed_.empty()) SendState(AnyName(model));
  const std::size_t at =
      random_.Chance(70) ? 0 : static_cast<std::size_t>(random_.Below(feed_.size()));
  const Step report = feed_[at];
  const bool comes_again = random_.Chance(10);
  if (!comes_again) feed_.erase(feed_.begin() + static_cast<std::ptrdiff_t>(at));
  const bool lost = random_.Chance(10);
  if (!lost) next_.push_back(report);
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

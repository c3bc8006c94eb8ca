// The tablets of the generator, and what the health check tells of them.
#include "generator.h"

namespace failover::simulation {

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

}  // namespace

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
  if (random_.Chance(stamped_percent_)) {
    report.observed_ns = absl::ToInt64Nanoseconds(now_ - absl::UnixEpoch());
    // A check that was under way for a while, and a server whose clock is ahead.
    if (random_.Chance(20))
      report.observed_ns -= random_.Pick<std::int64_t>({1, 300, 3000}) * kMillisecond;
    if (random_.Chance(3))
      report.observed_ns += random_.Pick<std::int64_t>({1, 300, 3000}) * kMillisecond;
  }
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

}  // namespace failover::simulation

#include "scene.h"

#include <algorithm>
#include <optional>

namespace failover::simulation {

Scene::Scene(SceneOptions options, Script script)
    : options_(std::move(options)), script_(std::move(script)), start_(clock_.Now()) {
  BufferOptions buffer = options_.buffer;
  buffer.threading = Threading::kManual;
  buffer.clock = &clock_;
  buffer_ = Buffer::Create(std::move(buffer)).value();
  shard_ = buffer_->GetShard("ks", "0");
}

Scene::~Scene() {
  buffer_->Shutdown();
  ready_.clear();
  under_way_.clear();
  clients_.clear();
}

void Scene::Run(absl::Duration time) {
  const absl::Time end = clock_.Now() + time;
  while (clock_.Now() < end) {
    servers_ = script_(clock_.Now() - start_);
    Report();
    EndAttempts();
    RunReady();
    NoteOldest();
    Arrive();
    RunReady();
    clock_.Advance(kTick);
    const std::int64_t second = absl::ToInt64Seconds(clock_.Now() - start_);
    if (std::exchange(second_, second) == second) continue;
    most_a_second_ = std::max(most_a_second_, refused_retries_ - at_last_second_);
    at_last_second_ = refused_retries_;
  }
}

void Scene::Report() {
  if (!options_.has_feed) return;
  TabletStats report;
  report.alias = {"cell", servers_.primary};
  report.target = {"ks", "0", TabletType::kPrimary};
  report.up = true;
  report.serving = servers_.said_to_serve;
  report.tablet_externally_reparented_timestamp = servers_.term;
  report.observed_at = clock_.Now();
  buffer_->StatsUpdate(report);
}

void Scene::Arrive() {
  const std::uint64_t id = ++requests_;
  clients_[id].came = clock_.Now();
  Ask(id, LastAttempt(Attempt::kNone));
}

void Scene::RunReady() {
  do {
    while (!ready_.empty()) {
      auto [id, result] = std::move(ready_.front());
      ready_.pop_front();
      if (result.ok()) {
        clients_[id].attempts = 0;
        Attempt(id, *std::move(result));
      } else {
        Finish(id, false);
      }
    }
  } while (buffer_->Poll() <= absl::ZeroDuration() || !ready_.empty());
}

void Scene::Ask(std::uint64_t id, LastAttempt last) {
  RequestContext context;
  context.may_probe = options_.comes_back;
  absl::StatusOr<BufferedRequest> held = buffer_->WaitForFailoverEndAsync(
      context, shard_, std::move(last),
      [this, id](Wait result) { ready_.emplace_back(id, std::move(result)); });
  if (!held.ok()) return Finish(id, false);
  if (*held) {
    clients_[id].handle = *std::move(held);
  } else {
    Attempt(id, RetryDoneFunc());
  }
}

void Scene::Attempt(std::uint64_t id, RetryDoneFunc token) {
  Client& client = clients_[id];
  ++client.attempts;
  most_attempts_ = std::max(most_attempts_, ++client.attempts_in_all);
  if (options_.attempt_ticks == 0) return AttemptEnded(id, std::move(token));
  under_way_.push_back({clock_.Now() + options_.attempt_ticks * kTick, id, std::move(token)});
}

void Scene::EndAttempts() {
  while (!under_way_.empty() && under_way_.front().ends <= clock_.Now()) {
    UnderWay ended = std::move(under_way_.front());
    under_way_.pop_front();
    AttemptEnded(ended.id, std::move(ended.token));
  }
}

// The ids grow, so the first client has waited for the longest time.
void Scene::NoteOldest() {
  if (clients_.empty()) return;
  longest_wait_ = std::max(longest_wait_, clock_.Now() - clients_.begin()->second.came);
}

void Scene::AttemptEnded(std::uint64_t id, RetryDoneFunc token) {
  if (servers_.takes_writes) {
    if (options_.tells) token(failover::Attempt::kSucceeded);
    return Finish(id, true);
  }
  const bool was_held = static_cast<bool>(token);
  if (was_held) ++refused_retries_;
  if (was_held && options_.comes_back) {
    return Ask(id, LastAttempt(failover::Attempt::kRefused).After(std::move(token)));
  }
  if (was_held && options_.tells) token(failover::Attempt::kRefused);
  if (was_held || clients_[id].attempts >= options_.attempts) return Finish(id, false);
  Ask(id, failover::Attempt::kRefused);
}

void Scene::Finish(std::uint64_t id, bool ok) {
  const auto it = clients_.find(id);
  longest_wait_ = std::max(longest_wait_, clock_.Now() - it->second.came);
  clients_.erase(it);
  if (!ok) ++errors_;
}

ShardStats Scene::stats() const { return *buffer_->GetShardStats("ks", "0"); }

absl::Duration Scene::held() const { return stats().failover_duration_sum; }

}  // namespace failover::simulation

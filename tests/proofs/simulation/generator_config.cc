// The options of a run.
#include <string_view>

#include "generator.h"

namespace failover::simulation {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMillisecond = 1'000'000;

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

Config MakeConfigWithoutBudget(Random& random) {
  Config config;
  config.window_ns = random.Pick<std::int64_t>({1, 1, 2, 5, 10}) * kSecond;
  config.max_failover_duration_ns =
      config.window_ns + random.Pick<std::int64_t>({0, 1, 1, 3, 10}) * kSecond;
  config.min_time_between_failovers_ns =
      2 * config.max_failover_duration_ns + random.Pick<std::int64_t>({0, 0, 1, 30}) * kSecond;
  config.size = random.Pick<std::int64_t>({1, 2, 3, 5, 8, 30, 30, 1000});
  config.drain_concurrency = random.Pick<std::int64_t>({1, 1, 1, 2, 3, 1000});
  config.drain_concurrency_max = random.Pick<std::int64_t>({1, 2, 4, 32});
  config.max_retry_ns = random.Pick<std::int64_t>({0, 0, 1, 300, 3000}) * kMillisecond;
  config.suspicion_ns = random.Pick<std::int64_t>({1, 100, 1000, 1000, 5000}) * kMillisecond;
  config.probe_after_ns = random.Pick<std::int64_t>({1, 20, 1000, 1000, 3000}) * kMillisecond;
  config.unstamped_report_delay_ns =
      random.Pick<std::int64_t>({0, 1, 500, 3000, 3000}) * kMillisecond;
  config.down_confirmation_ns = random.Pick<std::int64_t>({0, 0, 0, 100, 2000}) * kMillisecond;
  config.max_per_shard = random.Pick<std::int64_t>({0, 0, 0, 1, 2, 5});
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
    config.max_per_shard = 0;
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

// Which of two shards asks first for a turn in a Poll is not told, so turns are short in runs with
// one shard only.
void AddBudget(Random& random, Config& config) {
  if (config.flood != 0 || !random.Chance(30)) return;
  config.budget_size = random.Pick<std::int64_t>({1, 2, 3, 5, 30, 1000});
  config.budget_bytes = random.Pick<std::uint64_t>({0, 0, 5, 30, 100});
  config.budget_retries = 1'000'000;
  if (random.Chance(50)) config.names = 1;
  if (config.names == 1) config.budget_retries = random.Pick<std::int64_t>({1, 2, 3, 10});
}

}  // namespace

Config MakeConfig(std::uint64_t seed) {
  Random random(seed ^ 0xc0ffee);
  return MakeConfig(random);
}

Config MakeConfig(Random& random) {
  Config config = MakeConfigWithoutBudget(random);
  AddBudget(random, config);
  return config;
}

Config Reconfigured(const Config& before, std::uint64_t seed) {
  Random random(seed);
  const Config other = MakeConfigWithoutBudget(random);
  Config config = before;
  const auto take = [&random, &config, &other](auto Config::*option) {
    if (random.Chance(30)) config.*option = other.*option;
  };
  // These three, and the next four, hang together.
  if (random.Chance(30)) {
    config.window_ns = other.window_ns;
    config.max_failover_duration_ns = other.max_failover_duration_ns;
    config.min_time_between_failovers_ns = other.min_time_between_failovers_ns;
  }
  if (random.Chance(50)) {
    config.enabled = other.enabled;
    config.dry_run = other.dry_run;
    config.shard_listed = other.shard_listed;
    config.keyspace_listed = other.keyspace_listed;
  }
  take(&Config::size);
  take(&Config::drain_concurrency);
  take(&Config::drain_concurrency_max);
  take(&Config::max_retry_ns);
  take(&Config::suspicion_ns);
  take(&Config::probe_after_ns);
  take(&Config::unstamped_report_delay_ns);
  take(&Config::down_confirmation_ns);
  take(&Config::max_per_shard);
  take(&Config::max_bytes);
  take(&Config::max_shards);
  return config;
}

}  // namespace failover::simulation

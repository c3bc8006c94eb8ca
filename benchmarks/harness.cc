#include "harness.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string_view>
#include <utility>

namespace failover::benchmarks {

std::vector<ShardName> MakeNames(std::size_t count) {
  // Like a sharded database: up to 256 shards in each keyspace.
  constexpr std::size_t kShardsPerKeyspace = 256;
  std::vector<ShardName> names;
  names.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    char shard[16];
    std::snprintf(shard, sizeof(shard), "%02zx-%02zx", i % kShardsPerKeyspace,
                  i % kShardsPerKeyspace + 1);
    names.push_back({"commerce_" + std::to_string(i / kShardsPerKeyspace), shard});
  }
  std::shuffle(names.begin(), names.end(), std::mt19937_64(20170517));
  return names;
}

absl::Status FailoverError() {
  return absl::FailedPreconditionError(
      "The MariaDB server is running with the --read-only option so it cannot execute this "
      "statement (errno 1290) (sqlstate HY000)");
}

absl::Status DuplicateKeyError() {
  return absl::AlreadyExistsError(
      "Duplicate entry '4711' for key 'PRIMARY' (errno 1062) (sqlstate 23000)");
}

TabletStats ServingPrimary(const ShardName& name, std::int64_t timestamp) {
  TabletStats stats;
  // Each promotion makes another server the primary.
  stats.alias = {"zone1", static_cast<std::uint32_t>(100 + timestamp % 2)};
  stats.target = {name.keyspace, name.shard, TabletType::kPrimary};
  stats.up = true;
  stats.serving = true;
  stats.tablet_externally_reparented_timestamp = timestamp;
  return stats;
}

BufferOptions HoldingOptions(std::size_t size, Threading threading) {
  BufferOptions options;
  options.size = static_cast<std::int64_t>(size);
  options.window = absl::Hours(1);
  options.max_failover_duration = absl::Hours(1);
  options.min_time_between_failovers = absl::Hours(2);
  options.max_shards = 1'000'000;
  options.threading = threading;
  return options;
}

std::unique_ptr<Buffer> MakeBuffer(BufferOptions options) {
  absl::StatusOr<std::unique_ptr<Buffer>> buffer = Buffer::Create(std::move(options));
  if (!buffer.ok()) Fail(buffer.status().ToString().c_str());
  return *std::move(buffer);
}

void Fail(const char* what) {
  std::fprintf(stderr, "benchmark failed: %s\n", what);
  std::exit(1);
}

void Returns::Count(std::size_t request, const absl::StatusOr<RetryDoneFunc>& done) {
  request_numbers_ += request;
  Bump(done.ok() ? &released_ : &failed_);
  if (released() + failed() != expected_) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    done_ = true;
  }
  all_here_.notify_one();
}

void Returns::Expect(std::size_t requests) {
  expected_ = released() + failed() + requests;
  done_ = false;
}

void Returns::Wait() {
  std::unique_lock<std::mutex> lock(mutex_);
  constexpr auto kPatience = std::chrono::seconds(60);
  Require(all_here_.wait_for(lock, kPatience, [this] { return done_; }), "requests got lost");
}

double CpuStopwatch::Now(Of of) {
  const clockid_t clock =
      of == Of::kThisThread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID;
  timespec now;
  Require(clock_gettime(clock, &now) == 0, "no clock of the processor time");
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

namespace {

std::int64_t StatusLine(std::string_view key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, key.size(), key) == 0) return std::atoll(line.c_str() + key.size());
  }
  Fail("no such line in /proc/self/status");
}

}  // namespace

std::int64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t pages_in_all = 0;
  std::int64_t pages_resident = 0;
  file >> pages_in_all >> pages_resident;
  Require(pages_resident > 0, "cannot read /proc/self/statm");
  return pages_resident * sysconf(_SC_PAGESIZE);
}

std::int64_t ThreadCount() { return StatusLine("Threads:"); }

}  // namespace failover::benchmarks

// This program runs many short-lived Buffers. Around each Buffer many threads do everything that a
// user may do, and the Buffer is shut down at any moment. At the end of each Buffer every request
// must have had exactly one outcome, all slots must be free, the laws of the counters must hold,
// and nothing may run any more.
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <random>
#include <string_view>
#include <thread>

#include "round.h"
#include "support/patience.h"
#include "support/silence.h"

namespace failover::test {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr char kUsage[] =
    "usage: stress [--seed <number>] [--seconds <number>] [--rounds <number>]\n"
    "\n"
    "Runs the given number of rounds, or runs rounds for the given seconds (default: 6).\n"
    "A round is the life of one Buffer. The seed of the first round is given or random, and each\n"
    "further round has the next number. The seed decides what is done, not how the threads\n"
    "interleave. To see a failure again, begin with its seed: --seed 42 --rounds 1000.\n";

struct Arguments {
  std::uint64_t seed = std::random_device()();
  std::chrono::seconds duration{6};
  std::optional<std::uint64_t> rounds;
};

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Arguments> Parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    const std::optional<std::uint64_t> value = Number(argv[i + 1]);
    if (!value.has_value()) return std::nullopt;
    if (flag == "--seed") {
      arguments.seed = *value;
    } else if (flag == "--seconds") {
      arguments.duration = std::chrono::seconds(*value);
    } else if (flag == "--rounds") {
      arguments.rounds = *value;
    } else {
      return std::nullopt;
    }
  }
  if (argc % 2 == 0) return std::nullopt;
  return arguments;
}

// The Watchdog aborts the program if a round hangs, so that there is a core dump and a seed to look
// at.
class Watchdog {
 public:
  explicit Watchdog(std::uint64_t seed) : thread_([this, seed] { Watch(seed); }) {}
  ~Watchdog() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

 private:
  void Watch(std::uint64_t seed) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (changed_.wait_for(lock, kPatience, [this] { return done_; })) return;
    std::printf("FAILED: the round with --seed %llu hangs\n",
                static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    std::abort();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;
};

int Run(const Arguments& arguments) {
  std::printf("stress: --seed %llu\n", static_cast<unsigned long long>(arguments.seed));
  std::fflush(stdout);
  SilenceTheLog();
  const SteadyClock::time_point begin = SteadyClock::now();
  SteadyClock::time_point last_sign = begin;
  std::uint64_t requests = 0;
  std::uint64_t round = 0;
  for (;; ++round) {
    const SteadyClock::time_point now = SteadyClock::now();
    if (arguments.rounds ? round == *arguments.rounds : now - begin >= arguments.duration) break;
    if (now - last_sign >= std::chrono::seconds(2)) {
      last_sign = now;
      std::printf("  %llu rounds\n", static_cast<unsigned long long>(round));
      std::fflush(stdout);
    }
    const std::uint64_t seed = arguments.seed + round;
    const Watchdog watchdog(seed);
    const RoundResult result = RunRound(seed);
    requests += result.requests;
    if (result.failures.empty()) continue;
    std::printf("FAILED: the round with --seed %llu\n", static_cast<unsigned long long>(seed));
    for (const std::string& failure : result.failures) std::printf("  %s\n", failure.c_str());
    return 1;
  }
  std::printf("passed: %llu rounds, %llu requests, %.1f s\n",
              static_cast<unsigned long long>(round), static_cast<unsigned long long>(requests),
              std::chrono::duration<double>(SteadyClock::now() - begin).count());
  return 0;
}

}  // namespace
}  // namespace failover::test

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    std::fputs(failover::test::kUsage, stdout);
    return 0;
  }
  const std::optional<failover::test::Arguments> arguments = failover::test::Parse(argc, argv);
  if (!arguments.has_value()) {
    std::fputs(failover::test::kUsage, stderr);
    return 2;
  }
  return failover::test::Run(*arguments);
}

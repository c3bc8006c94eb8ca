// Random is a seeded source of small decisions. It is not thread-safe, so each thread has one of
// its own.
#ifndef FAILOVER_TESTS_PROOFS_STRESS_RANDOM_H_
#define FAILOVER_TESTS_PROOFS_STRESS_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace failover::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  // Returns a number from 0 to bound - 1.
  std::uint64_t Below(std::uint64_t bound) { return engine_() % bound; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }
  template <typename T>
  T Of(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }
  // Returns a seed for the Random of another thread.
  std::uint64_t Seed() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_STRESS_RANDOM_H_

// These random numbers are the same on every machine and with every standard library. A fuzzer
// provides its own bytes instead of a seed.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_RANDOM_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_RANDOM_H_

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace failover::simulation {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  // Each number is taken from the front of `bytes`, and takes as few bytes as it needs. Once the
  // bytes are used up, the numbers come from a fixed seed.
  explicit Random(std::string_view bytes) : bytes_(bytes), state_(0) {}

  bool used_up() const { return bytes_.empty(); }

  // Returns a number from 0 to bound - 1.
  std::uint64_t Below(std::uint64_t bound) {
    assert(bound > 0);
    return (bytes_.empty() ? Next() : TakeBytes(bound)) % bound;
  }

  bool Chance(unsigned percent) { return Below(100) < percent; }

  template <typename T>
  T Pick(std::initializer_list<T> values) {
    return *(values.begin() + Below(values.size()));
  }

  template <typename T>
  const T& Pick(const std::vector<T>& values) {
    return values[static_cast<std::size_t>(Below(values.size()))];
  }

 private:
  // Returns the next number by the SplitMix64 algorithm.
  std::uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  std::uint64_t TakeBytes(std::uint64_t bound) {
    std::uint64_t number = 0;
    for (std::uint64_t most = bound - 1; most > 0 && !bytes_.empty(); most >>= 8) {
      number = number << 8 | static_cast<std::uint8_t>(bytes_.front());
      bytes_.remove_prefix(1);
    }
    return number;
  }

  std::string_view bytes_;
  std::uint64_t state_;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_RANDOM_H_

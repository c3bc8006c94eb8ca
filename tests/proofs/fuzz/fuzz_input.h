// The fuzzers share how they read their input, and how they report that something is wrong.
#ifndef FAILOVER_TESTS_PROOFS_FUZZ_FUZZ_INPUT_H_
#define FAILOVER_TESTS_PROOFS_FUZZ_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

namespace failover::fuzz {

// Ends the fuzzer, or the test of its seeds, if a property does not hold.
inline void Require(bool holds, std::string_view property, std::string_view detail = {}) {
  if (holds) return;
  std::cerr << "violated: " << property << "\n" << detail << std::endl;
  std::abort();
}

// A FuzzInput takes values off the front of an input. Missing values read as zero or as empty, so
// every input means something.
class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size)
      : left_(reinterpret_cast<const char*>(data), size) {}

  std::uint64_t Number(std::size_t bytes) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < bytes && !left_.empty(); ++i) {
      number = number << 8 | static_cast<std::uint8_t>(left_.front());
      left_.remove_prefix(1);
    }
    return number;
  }
  std::uint8_t Byte() { return static_cast<std::uint8_t>(Number(1)); }
  bool Bool() { return (Byte() & 1) != 0; }
  std::size_t Below(std::size_t bound) { return Byte() % bound; }

  // Returns the text up to the end of the line, and skips the end of the line. Seeds that hold
  // texts can therefore be edited by hand.
  std::string Line() {
    const std::size_t end = std::min(left_.find('\n'), left_.size());
    std::string line(left_.substr(0, end));
    left_.remove_prefix(std::min(end + 1, left_.size()));
    return line;
  }
  std::string Rest() { return std::string(std::exchange(left_, {})); }

 private:
  std::string_view left_;
};

}  // namespace failover::fuzz

#endif  // FAILOVER_TESTS_PROOFS_FUZZ_FUZZ_INPUT_H_

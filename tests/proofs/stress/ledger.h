// Keeps the account of what happened to the requests of one Buffer.
#ifndef FAILOVER_TESTS_PROOFS_STRESS_LEDGER_H_
#define FAILOVER_TESTS_PROOFS_STRESS_LEDGER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "failover/errors.h"

namespace failover::test {

// One request that does not block. It must end exactly once.
class Trip {
 public:
  // It passed, was refused, was cancelled, or its callback or coroutine ran.
  void End() { ++ends_; }
  int ends() const { return ends_; }

 private:
  std::atomic<int> ends_{0};
};

// Thread-safe.
class Ledger {
 public:
  std::shared_ptr<Trip> BeginTrip();

  // What a request was told. OK: it passed or was released.
  void Told(const absl::Status& status);
  std::uint64_t told(BufferErrorReason reason) const {
    return told_[static_cast<std::size_t>(reason)];
  }
  // A refusal for want of room was not held before, an eviction was.
  std::uint64_t requests() const { return requests_; }

  // Something is wrong.
  void Fail(std::string_view what);
  void Expect(bool condition, std::string_view what) {
    if (!condition) Fail(what);
  }
  // To be called when all is over.
  void ExpectEachTripEndedOnce();
  // Empty: all is well.
  std::vector<std::string> failures() const;

 private:
  std::array<std::atomic<std::uint64_t>, 5> told_{};
  std::atomic<std::uint64_t> requests_{0};
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Trip>> trips_;
  std::vector<std::string> failures_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_STRESS_LEDGER_H_

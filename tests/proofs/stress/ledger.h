// The Ledger keeps the account of what happened to the requests of one Buffer.
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

// A Trip is one request that does not block. It must end exactly once.
class Trip {
 public:
  // A trip ends when the request passes, is refused or is cancelled, or when its callback or
  // coroutine runs.
  void End() { ++ends_; }
  int ends() const { return ends_; }

 private:
  std::atomic<int> ends_{0};
};

// The class is thread-safe.
class Ledger {
 public:
  std::shared_ptr<Trip> BeginTrip();

  // Told writes down how a wait ended: `status` is OK if the request passed or was released.
  // told(reason) returns how many waits ended with `reason`. A request that ends with kBufferFull
  // was never held. A request that ends with kEvicted was held before.
  void Told(const absl::Status& status);
  std::uint64_t told(BufferErrorReason reason) const {
    return told_[static_cast<std::size_t>(reason)];
  }
  // Returns how many waits ended.
  std::uint64_t requests() const { return requests_; }

  // Notes a failure, which `what` describes.
  void Fail(std::string_view what);
  void Expect(bool condition, std::string_view what) {
    if (!condition) Fail(what);
  }
  // Call this function when all requests are over.
  void ExpectEachTripEndedOnce();
  // Returns what is wrong. The result is empty if all is well.
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

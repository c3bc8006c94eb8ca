// A clock that counts how often it is read.
#ifndef FAILOVER_TESTS_SUPPORT_COUNTED_CLOCK_H_
#define FAILOVER_TESTS_SUPPORT_COUNTED_CLOCK_H_

#include "absl/time/time.h"
#include "failover/clock.h"

namespace failover::test {

// The time stands still. Not thread-safe.
class CountedClock final : public Clock {
 public:
  absl::Time Now() override {
    ++readings_;
    return absl::UnixEpoch() + absl::Seconds(1);
  }
  int readings() const { return readings_; }

 private:
  int readings_ = 0;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_COUNTED_CLOCK_H_

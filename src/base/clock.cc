#include "failover/clock.h"

#include <chrono>

namespace failover {
namespace {

class SteadyClock final : public Clock {
 public:
  absl::Time Now() override {
    return absl::UnixEpoch() +
           absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
  }
};

}  // namespace

Clock::~Clock() = default;

Clock& Clock::Steady() {
  // The clock is never destroyed, because a Buffer with static storage may still use it while the
  // program ends.
  static SteadyClock* const clock = new SteadyClock;
  return *clock;
}

}  // namespace failover

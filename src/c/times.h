// The times and numbers of options in C, where zero stands for the default.
#ifndef FAILOVER_SRC_C_TIMES_H_
#define FAILOVER_SRC_C_TIMES_H_

#include <cstdint>

#include "absl/time/time.h"
#include "failover/c/failover.h"

namespace failover::c {

// `Time` is an absl::Duration, or an optional one.
template <typename Time>
void SetTime(std::int64_t milliseconds, Time* option) {
  if (milliseconds != 0) *option = absl::Milliseconds(milliseconds);
}

// For an option that may be zero.
template <typename Time>
void SetTimeOrNone(std::int64_t milliseconds, Time* option) {
  SetTime(milliseconds, option);
  if (milliseconds == FO_NONE) *option = absl::ZeroDuration();
}

template <typename Number>
void SetNumber(Number number, Number* option) {
  if (number != 0) *option = number;
}

}  // namespace failover::c

#endif  // FAILOVER_SRC_C_TIMES_H_

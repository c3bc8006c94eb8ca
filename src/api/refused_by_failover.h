// What CausedByFailover and RefusedAtOf say, with one search for the mark.
#ifndef FAILOVER_SRC_API_REFUSED_BY_FAILOVER_H_
#define FAILOVER_SRC_API_REFUSED_BY_FAILOVER_H_

#include <optional>

#include "absl/status/status.h"
#include "failover/errors.h"

namespace failover::internal {

// RefusedAtOf, or nullopt if CausedByFailover is false. Does not allocate. Thread-safe.
std::optional<RefusedAt> RefusedByFailover(const absl::Status& status);

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_REFUSED_BY_FAILOVER_H_

// The summary holds the figures of a pass, which are computed from its records.
#ifndef FAILOVER_DEMO_SUMMARY_H_
#define FAILOVER_DEMO_SUMMARY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "pass_result.h"

namespace failover_demo {

// The two failovers divide a pass into five phases. A request that lived through a failover belongs
// to the phase of that failover.
enum class Phase : std::uint8_t { kBefore, kSwitchover, kBetween, kCrash, kAfter };
inline constexpr std::size_t kPhases = 5;

struct PhaseSummary {
  std::int64_t requests = 0;
  std::int64_t answered = 0;
  // `errors` counts the errors by label. `errors_in_flight` says how many of them were statements
  // in flight when the primary crashed.
  std::map<std::string, std::int64_t> errors;
  std::int64_t errors_in_flight = 0;
  // This is the longest time that one client waited for an answer, over all its attempts and
  // errors.
  absl::Duration longest_stall;
  // These are percentiles of the time that an answered request took. They are zero if no request
  // was answered.
  absl::Duration p50;
  absl::Duration p99;

  std::int64_t error_count() const;
};

// A Summary is indexed by Phase.
using Summary = std::array<PhaseSummary, kPhases>;

Phase PhaseOf(const PassResult& pass, absl::Duration begin, absl::Duration end);

// Returns whether the request's statement was under way on the primary when the primary crashed.
// Nobody can know whether such a statement was executed.
bool InFlightAtCrash(const PassResult& pass, const RequestRecord& request);

Summary Summarize(const PassResult& pass);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_SUMMARY_H_

// The figures of a pass, worked out from its records.
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

// A pass in five. A request belongs to the failover that it lived through, if to any.
enum class Phase : std::uint8_t { kBefore, kSwitchover, kBetween, kCrash, kAfter };
inline constexpr std::size_t kPhases = 5;

struct PhaseSummary {
  std::int64_t requests = 0;
  std::int64_t answered = 0;
  // By label, and of these the ones of statements in flight when the primary crashed.
  std::map<std::string, std::int64_t> errors;
  std::int64_t errors_in_flight = 0;
  // The longest time that one client waited for an answer, over all its attempts and errors.
  absl::Duration longest_stall;
  // Of the answered; zero if there are none.
  absl::Duration p50;
  absl::Duration p99;

  std::int64_t error_count() const;
};

// By Phase.
using Summary = std::array<PhaseSummary, kPhases>;

Phase PhaseOf(const PassResult& pass, absl::Duration begin, absl::Duration end);

// Whether the request's statement was under way on the primary when that crashed, so that nobody
// can know its fate.
bool InFlightAtCrash(const PassResult& pass, const RequestRecord& request);

Summary Summarize(const PassResult& pass);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_SUMMARY_H_

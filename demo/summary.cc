#include "summary.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace failover_demo {
namespace {

using Latencies = std::array<std::vector<absl::Duration>, kPhases>;

bool Overlaps(const Incident& incident, absl::Duration begin, absl::Duration end) {
  return begin <= incident.over && end >= incident.begin;
}

// Returns a percentile: about a fraction `share` of all values is smaller than the result.
absl::Duration Percentile(const std::vector<absl::Duration>& sorted, double share) {
  if (sorted.empty()) return absl::ZeroDuration();
  const double rank = share * static_cast<double>(sorted.size());
  return sorted[std::min(static_cast<std::size_t>(rank), sorted.size() - 1)];
}

void AddRequest(const PassResult& pass, const RequestRecord& request, PhaseSummary& phase,
                std::vector<absl::Duration>& latencies) {
  ++phase.requests;
  if (request.outcome == Outcome::kAnswered) {
    ++phase.answered;
    latencies.push_back(request.end - request.begin);
    return;
  }
  ++phase.errors[request.error];
  if (InFlightAtCrash(pass, request)) ++phase.errors_in_flight;
}

void AddClient(const PassResult& pass, const ClientRecord& client, Summary& summary,
               Latencies& latencies) {
  std::optional<absl::Duration> waiting_since;
  for (const RequestRecord& request : client) {
    const auto phase = static_cast<std::size_t>(PhaseOf(pass, request.begin, request.end));
    AddRequest(pass, request, summary[phase], latencies[phase]);

    const absl::Duration since = waiting_since.value_or(request.begin);
    const auto stalled = static_cast<std::size_t>(PhaseOf(pass, since, request.end));
    summary[stalled].longest_stall = std::max(summary[stalled].longest_stall, request.end - since);
    waiting_since = since;
    if (request.outcome == Outcome::kAnswered) waiting_since.reset();
  }
}

}  // namespace

std::int64_t PhaseSummary::error_count() const { return requests - answered; }

Phase PhaseOf(const PassResult& pass, absl::Duration begin, absl::Duration end) {
  if (Overlaps(pass.switchover, begin, end)) return Phase::kSwitchover;
  if (Overlaps(pass.crash, begin, end)) return Phase::kCrash;
  if (begin < pass.switchover.begin) return Phase::kBefore;
  return begin < pass.crash.begin ? Phase::kBetween : Phase::kAfter;
}

bool InFlightAtCrash(const PassResult& pass, const RequestRecord& request) {
  return request.outcome == Outcome::kFateUnknown && request.last_attempt <= pass.crash.gone &&
         request.end >= pass.crash.begin;
}

Summary Summarize(const PassResult& pass) {
  Summary summary;
  Latencies latencies;
  for (const ClientRecord& client : pass.clients) AddClient(pass, client, summary, latencies);
  for (std::size_t phase = 0; phase < kPhases; ++phase) {
    std::sort(latencies[phase].begin(), latencies[phase].end());
    summary[phase].p50 = Percentile(latencies[phase], 0.50);
    summary[phase].p99 = Percentile(latencies[phase], 0.99);
  }
  return summary;
}

}  // namespace failover_demo

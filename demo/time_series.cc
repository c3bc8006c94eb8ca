#include "time_series.h"

#include <cstddef>

namespace failover_demo {

TimeSeries MakeTimeSeries(const PassResult& pass, absl::Duration slice) {
  const auto slices = static_cast<std::size_t>(pass.duration / slice);
  TimeSeries series;
  series.slice = slice;
  series.answers_per_second.resize(slices);
  series.errors_per_second.resize(slices);

  const double one = 1 / absl::ToDoubleSeconds(slice);
  for (const ClientRecord& client : pass.clients) {
    for (const RequestRecord& request : client) {
      const auto index = static_cast<std::size_t>(request.end / slice);
      if (index >= slices) continue;
      const bool answered = request.outcome == Outcome::kAnswered;
      (answered ? series.answers_per_second : series.errors_per_second)[index] += one;
    }
  }
  return series;
}

}  // namespace failover_demo

// The rates of a pass in equal time slices, for the plot.
#ifndef FAILOVER_DEMO_TIME_SERIES_H_
#define FAILOVER_DEMO_TIME_SERIES_H_

#include <vector>

#include "absl/time/time.h"
#include "pass_result.h"

namespace failover_demo {

struct TimeSeries {
  absl::Duration slice;
  // One value per slice.
  std::vector<double> answers_per_second;
  std::vector<double> errors_per_second;
};

// Of the whole slices of the pass.
TimeSeries MakeTimeSeries(const PassResult& pass, absl::Duration slice);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_TIME_SERIES_H_

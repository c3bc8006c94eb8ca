// A TimeSeries holds the rates of a pass in equal time slices, for the plot.
#ifndef FAILOVER_DEMO_TIME_SERIES_H_
#define FAILOVER_DEMO_TIME_SERIES_H_

#include <vector>

#include "absl/time/time.h"
#include "pass_result.h"

namespace failover_demo {

struct TimeSeries {
  absl::Duration slice;
  // Each vector has one value per slice.
  std::vector<double> answers_per_second;
  std::vector<double> errors_per_second;
};

// Returns the series of the whole slices of the pass. A part of a slice at the end is left out.
TimeSeries MakeTimeSeries(const PassResult& pass, absl::Duration slice);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_TIME_SERIES_H_

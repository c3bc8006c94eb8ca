// The picture at the end.
#ifndef FAILOVER_DEMO_PLOT_H_
#define FAILOVER_DEMO_PLOT_H_

#include <string>
#include <string_view>
#include <vector>

#include "pass_result.h"

namespace failover_demo {

// An SVG with one panel per pass: answers, errors and held requests over time, and the failovers.
// It brings its own background, light or dark as the reader's system likes, and no fonts.
// `subtitle` says what the clients did.
std::string Plot(const std::vector<PassResult>& passes, std::string_view subtitle);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_PLOT_H_

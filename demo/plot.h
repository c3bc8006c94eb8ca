// This file draws the picture that the demonstration makes at its end.
#ifndef FAILOVER_DEMO_PLOT_H_
#define FAILOVER_DEMO_PLOT_H_

#include <string>
#include <string_view>
#include <vector>

#include "pass_result.h"

namespace failover_demo {

// Returns an SVG with one panel per pass. A panel shows answers, errors and held requests over
// time, and the failovers. The SVG has its own background, which is light or dark as the reader's
// system prefers, and it needs no fonts of its own. `subtitle` says what the clients did.
std::string Plot(const std::vector<PassResult>& passes, std::string_view subtitle);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_PLOT_H_

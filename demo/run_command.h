#ifndef FAILOVER_DEMO_RUN_COMMAND_H_
#define FAILOVER_DEMO_RUN_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace failover_demo {

// Runs a program to its end. The output of the program goes where the output of this process goes.
// The result is OK if the program exits with 0.
absl::Status RunCommand(const std::vector<std::string>& command);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_RUN_COMMAND_H_

#ifndef FAILOVER_DEMO_RUN_COMMAND_H_
#define FAILOVER_DEMO_RUN_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace failover_demo {

// Runs a program to its end; what it prints goes to ours. OK if it exits with 0.
absl::Status RunCommand(const std::vector<std::string>& command);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_RUN_COMMAND_H_

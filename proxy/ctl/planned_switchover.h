// What failoverctl does for each of its commands.
#ifndef FAILOVER_PROXY_CTL_PLANNED_SWITCHOVER_H_
#define FAILOVER_PROXY_CTL_PLANNED_SWITCHOVER_H_

#include "proxy/ctl/ctl_options.h"

namespace failoverctl {

// The exit codes. --help says what they mean.
inline constexpr int kDone = 0;
inline constexpr int kUnreachable = 1;
inline constexpr int kUsage = 2;
inline constexpr int kCalledOff = 3;
inline constexpr int kCommandFailed = 4;
inline constexpr int kNoNewPrimary = 5;

// Both return the exit code. They print results to the standard output, and what goes on and what
// is wrong to the standard error.
int ShowStatus(const CtlOptions& options);
int SwitchOver(const CtlOptions& options);

}  // namespace failoverctl

#endif  // FAILOVER_PROXY_CTL_PLANNED_SWITCHOVER_H_

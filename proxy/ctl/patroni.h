// Lets Patroni change the primary, by its REST interface.
#ifndef FAILOVER_PROXY_CTL_PATRONI_H_
#define FAILOVER_PROXY_CTL_PATRONI_H_

#include <string>

#include "proxy/ctl/ctl_options.h"

namespace failoverctl {

// Asks Patroni who leads, then to replace that leader, and waits until Patroni has done so. Returns
// the exit code, and prints what Patroni says.
int SwitchOverPatroni(const PatroniOptions& options);

// The command of a shell that calls SwitchOverPatroni, in this program.
std::string PatroniCommand(const PatroniOptions& options);

}  // namespace failoverctl

#endif  // FAILOVER_PROXY_CTL_PATRONI_H_

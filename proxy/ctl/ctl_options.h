// The command line of failoverctl.
#ifndef FAILOVER_PROXY_CTL_CTL_OPTIONS_H_
#define FAILOVER_PROXY_CTL_CTL_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace failoverctl {

enum class Action : std::uint8_t { kHelp, kStatus, kSwitchover, kPatroniSwitchover };

// How to reach the REST interface of a member of Patroni.
struct PatroniOptions {
  std::string url;  // Empty: Patroni has no part in the switchover.
  std::string candidate;
  std::string ca_file;
  std::string login_file;
};

struct CtlOptions {
  Action action = Action::kHelp;
  std::string socket;
  // Only kSwitchover and kPatroniSwitchover use these options.
  PatroniOptions patroni = {};
  // Only kSwitchover uses the options from here on.
  std::string run;
  std::string shard;
  std::string grace;    // As the proxy reads it; empty: the proxy's default.
  std::string overdue;  // So is this.
  std::string quiet_timeout;
};

// What was understood, or why nothing was.
struct ParsedOptions {
  CtlOptions options;
  std::string error;  // Empty: all is well.
};

// Reads the words behind the name of the program. The values that go to the proxy have no character
// with which they could be taken for another command.
ParsedOptions ParseCtlOptions(const std::vector<std::string>& words);

std::string_view CtlHelp();

}  // namespace failoverctl

#endif  // FAILOVER_PROXY_CTL_CTL_OPTIONS_H_

// failoverctl: makes planned switchovers through the admin socket of a proxy.
#include <iostream>
#include <string>
#include <vector>

#include "proxy/ctl/ctl_options.h"
#include "proxy/ctl/patroni.h"
#include "proxy/ctl/planned_switchover.h"

int main(int argc, char** argv) {
  using failoverctl::Action;
  const failoverctl::ParsedOptions parsed =
      failoverctl::ParseCtlOptions(std::vector<std::string>(argv + 1, argv + argc));
  if (!parsed.error.empty()) {
    std::cerr << "failoverctl: " << parsed.error << "; see --help\n";
    return failoverctl::kUsage;
  }
  switch (parsed.options.action) {
    case Action::kHelp:
      std::cout << failoverctl::CtlHelp();
      return failoverctl::kDone;
    case Action::kStatus:
      return failoverctl::ShowStatus(parsed.options);
    case Action::kSwitchover:
      return failoverctl::SwitchOver(parsed.options);
    case Action::kPatroniSwitchover:
      return failoverctl::SwitchOverPatroni(parsed.options.patroni);
  }
  return failoverctl::kUsage;
}

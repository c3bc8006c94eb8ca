// In place of patroni.cc, in a build without libcurl or nlohmann-json.
#include <iostream>

#include "proxy/ctl/patroni.h"
#include "proxy/ctl/planned_switchover.h"

namespace failoverctl {

int SwitchOverPatroni(const PatroniOptions&) {
  std::cerr << "failoverctl: --patroni: this program was built without libcurl and nlohmann-json\n";
  return kUsage;
}

}  // namespace failoverctl

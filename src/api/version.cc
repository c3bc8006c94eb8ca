#include "failover/version.h"

#define FAILOVER_TEXT_OF(number) #number
#define FAILOVER_TEXT_OF_VERSION(major, minor, patch) \
  FAILOVER_TEXT_OF(major) "." FAILOVER_TEXT_OF(minor) "." FAILOVER_TEXT_OF(patch)

namespace failover {

int LinkedVersion() { return FAILOVER_VERSION; }

const char* LinkedVersionText() {
  return FAILOVER_TEXT_OF_VERSION(FAILOVER_VERSION_MAJOR, FAILOVER_VERSION_MINOR,
                                  FAILOVER_VERSION_PATCH);
}

}  // namespace failover

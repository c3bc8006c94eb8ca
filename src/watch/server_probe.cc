#include "failover/watch/server_probe.h"

namespace failover::watch {

ServerProbe::~ServerProbe() = default;

}  // namespace failover::watch

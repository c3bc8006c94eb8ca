#include "failover/health_check.h"

namespace failover {

HealthCheckStatsListener::~HealthCheckStatsListener() = default;

}  // namespace failover

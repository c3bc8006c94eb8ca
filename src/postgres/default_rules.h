// The table that classifies the errors of PostgreSQL.
#ifndef FAILOVER_SRC_POSTGRES_DEFAULT_RULES_H_
#define FAILOVER_SRC_POSTGRES_DEFAULT_RULES_H_

#include <vector>

#include "failover/postgres/errors.h"

namespace failover::postgres::internal {

// The default rules, in the order in which they are tried. The vector lives until the process ends.
// Thread-safe.
const std::vector<Rule>& DefaultRules();

}  // namespace failover::postgres::internal

#endif  // FAILOVER_SRC_POSTGRES_DEFAULT_RULES_H_

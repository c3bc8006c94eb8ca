// The table that classifies the errors of MySQL, MariaDB and the proxies in front of them.
#ifndef FAILOVER_SRC_MYSQL_DEFAULT_RULES_H_
#define FAILOVER_SRC_MYSQL_DEFAULT_RULES_H_

#include <vector>

#include "failover/mysql/errors.h"

namespace failover::mysql::internal {

// The default rules, in the order in which they are tried. The vector lives until the process ends.
// Thread-safe.
const std::vector<Rule>& DefaultRules();

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_DEFAULT_RULES_H_

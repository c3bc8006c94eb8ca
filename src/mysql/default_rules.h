// The table that classifies the errors of MySQL, MariaDB and the proxies before them.
#ifndef FAILOVER_SRC_MYSQL_DEFAULT_RULES_H_
#define FAILOVER_SRC_MYSQL_DEFAULT_RULES_H_

#include <vector>

#include "failover/mysql/errors.h"

namespace failover::mysql::internal {

const std::vector<Rule>& DefaultRules();

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_DEFAULT_RULES_H_

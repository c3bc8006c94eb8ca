// These functions read the errors of any database, and those of the Buffer.
#ifndef FAILOVER_DEMO_SQL_ERROR_H_
#define FAILOVER_DEMO_SQL_ERROR_H_

#include <string>

#include "absl/status/status.h"

namespace failover_demo {

// Returns whether it is unknown if the statement was executed.
bool FateUnknown(const absl::Status& error);

// Returns a short label for a table, such as "1290", "57P01", "no connection", or the Buffer's
// reason.
std::string ErrorLabel(const absl::Status& error);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_SQL_ERROR_H_

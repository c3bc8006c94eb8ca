// These functions make an absl::Status of an error of MySQL or MariaDB. failover::mysql decides
// which of the errors are safe to retry.
#ifndef FAILOVER_DEMO_MYSQL_ERROR_H_
#define FAILOVER_DEMO_MYSQL_ERROR_H_

#include <string_view>

#include "absl/status/status.h"

namespace failover_demo {

// Returns the error for a connection that could not be made. Nothing was sent in that case.
absl::Status ConnectError(unsigned int number, std::string_view text);

// Returns the error for a statement that was sent outside of any transaction and has failed.
absl::Status StatementError(unsigned int number, std::string_view text);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_MYSQL_ERROR_H_

// Database errors as absl::Status. failover::mysql knows which of them are safe to retry.
#ifndef FAILOVER_DEMO_SQL_ERROR_H_
#define FAILOVER_DEMO_SQL_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace failover_demo {

// The connection could not be made, so nothing was sent.
absl::Status ConnectError(unsigned int number, std::string_view text);

// A statement that was sent, outside of any transaction, has failed.
absl::Status StatementError(unsigned int number, std::string_view text);

// Whether the statement may have been executed, or not.
bool FateUnknown(const absl::Status& error);

// Short, for a table: "1290", "2013", or the Buffer's reason.
std::string ErrorLabel(const absl::Status& error);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_SQL_ERROR_H_

#include "base/spdlog_logger.h"

namespace failover::internal {

bool LogToSpdlog(LogLevel /*level*/, absl::FunctionRef<std::string()> /*make_line*/) {
  return false;
}

}  // namespace failover::internal

// The registered logger of the library: spdlog's "failover". A library that is built without spdlog
// (FAILOVER_WITH_SPDLOG) has no_spdlog_logger.cc in place of spdlog_logger.cc.
#ifndef FAILOVER_SRC_BASE_SPDLOG_LOGGER_H_
#define FAILOVER_SRC_BASE_SPDLOG_LOGGER_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "failover/log.h"

namespace failover::internal {

// Writes to the logger that is registered at this moment. Makes the line only if the logger wants
// it. Returns false if no logger is registered. Thread-safe; may throw what a sink throws.
bool LogToSpdlog(LogLevel level, absl::FunctionRef<std::string()> make_line);

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_SPDLOG_LOGGER_H_

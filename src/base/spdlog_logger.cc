#include "base/spdlog_logger.h"

#include <spdlog/spdlog.h>

#include <memory>

namespace failover::internal {
namespace {

constexpr char kLoggerName[] = "failover";

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

bool LogToSpdlog(LogLevel level, absl::FunctionRef<std::string()> make_line) {
  const std::shared_ptr<spdlog::logger> logger = spdlog::get(kLoggerName);
  if (logger == nullptr) return false;
  if (logger->should_log(LevelOf(level)) || logger->should_backtrace()) {
    logger->log(LevelOf(level), make_line());
  }
  return true;
}

}  // namespace failover::internal

#include "base/log.h"

#include <spdlog/spdlog.h>

#include <memory>

namespace failover::internal {
namespace {

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

void EnsureLogger() {
  if (spdlog::get(kLoggerName) != nullptr) return;
  const std::shared_ptr<spdlog::logger> base = spdlog::default_logger();
  if (base == nullptr) return;
  try {
    spdlog::register_logger(base->clone(kLoggerName));
  } catch (const spdlog::spdlog_ex&) {
    // Another thread has registered the logger in the meantime, which is as good.
  }
}

void Log(LogLevel level, std::string_view line) noexcept {
  Log(level, [line] { return std::string(line); });
}

void Log(LogLevel level, absl::FunctionRef<std::string()> make_line) noexcept {
  try {
    const std::shared_ptr<spdlog::logger> logger = spdlog::get(kLoggerName);
    if (logger == nullptr) return;
    if (logger->should_log(LevelOf(level)) || logger->should_backtrace()) {
      logger->log(LevelOf(level), make_line());
    }
  } catch (...) {
    // A log line is not worth a request.
  }
}

}  // namespace failover::internal

// The named logger of the library: spdlog's "failover".
#ifndef FAILOVER_SRC_BASE_LOG_H_
#define FAILOVER_SRC_BASE_LOG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace failover::internal {

inline constexpr char kLoggerName[] = "failover";

enum class LogLevel : std::uint8_t { kInfo, kWarning, kError };

// Registers a copy of spdlog's default logger under this name, if the program has none of this
// name. Thread-safe.
void EnsureLogger();

// Writes to the logger that is registered at this moment, or nowhere if the embedder removed it.
// Thread-safe; never throws. Sinks are foreign code, so this must never be called under a lock.
// `line` must not contain query text or literals.
void Log(LogLevel level, std::string_view line) noexcept;
// Does the same, but makes the line only if the logger wants it.
void Log(LogLevel level, absl::FunctionRef<std::string()> make_line) noexcept;

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_LOG_H_

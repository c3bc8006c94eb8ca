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

// Registers the logger if the program has none of this name: a copy of spdlog's default one.
// Thread-safe.
void EnsureLogger();

// Writes to the logger that is registered at this moment; to nowhere if the embedder dropped it.
// Thread-safe; never throws. Sinks are foreign code: never call this under a lock. Query text and
// literals must not be in `line`.
void Log(LogLevel level, std::string_view line) noexcept;
// The same; the line is made only if the logger wants it.
void Log(LogLevel level, absl::FunctionRef<std::string()> make_line) noexcept;

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_LOG_H_

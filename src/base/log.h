// Where the log lines of one Buffer, or of one monitor, go.
#ifndef FAILOVER_SRC_BASE_LOG_H_
#define FAILOVER_SRC_BASE_LOG_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "failover/log.h"

namespace failover::internal {

// Thread-safe. The places that lines go to are foreign code, so nothing here must be called under a
// lock.
class Logger {
 public:
  // LogFunction says what an empty `write` means.
  explicit Logger(LogFunction write) : write_(std::move(write)) {}

  // Writes a line, which must not contain query text or literals. Drops what cannot be written.
  void Log(LogLevel level, std::string_view line) const noexcept;
  // Does the same, but makes the line only if somebody wants it.
  void Log(LogLevel level, absl::FunctionRef<std::string()> make_line) const noexcept;

 private:
  const LogFunction write_;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_LOG_H_

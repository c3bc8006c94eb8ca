#include "base/log.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/spdlog_logger.h"

namespace failover {
namespace {

absl::string_view Piece(std::string_view text) { return {text.data(), text.size()}; }

void WriteToStderr(LogLevel level, std::string_view line) {
  const std::string time =
      absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  const std::string whole =
      absl::StrCat(time, " failover: ", Piece(ToString(level)), ": ", Piece(line), "\n");
  // One call for the whole line keeps the lines of several threads apart.
  static_cast<void>(std::fwrite(whole.data(), 1, whole.size(), stderr));
}

}  // namespace

namespace internal {

void Logger::Log(LogLevel level, std::string_view line) const noexcept {
  Log(level, [line] { return std::string(line); });
}

void Logger::Log(LogLevel level, absl::FunctionRef<std::string()> make_line) const noexcept {
  try {
    if (write_) {
      write_(level, make_line());
    } else if (!LogToSpdlog(level, make_line)) {
      WriteToStderr(level, make_line());
    }
  } catch (...) {
    // A log line is not worth a request.
  }
}

}  // namespace internal
}  // namespace failover

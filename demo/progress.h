#ifndef FAILOVER_DEMO_PROGRESS_H_
#define FAILOVER_DEMO_PROGRESS_H_

#include <cstdio>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace failover_demo {

// Prints a line with the time since the pass began, and flushes it at once. The function is
// thread-safe.
template <typename... Args>
void Progress(absl::Duration now, const absl::FormatSpec<Args...>& format, const Args&... args) {
  const std::string text = absl::StrFormat(format, args...);
  absl::FPrintF(stdout, "  %5.1f s  %s\n", absl::ToDoubleSeconds(now), text);
  std::fflush(stdout);
}

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_PROGRESS_H_

// What a probe has found out about a server, in words that are fit for a log line.
//
// Thread-safety: the functions are pure and may be called from any thread.
#ifndef FAILOVER_SRC_WATCH_FINDING_H_
#define FAILOVER_SRC_WATCH_FINDING_H_

#include <string>

#include "absl/strings/string_view.h"
#include "failover/export.h"
#include "failover/watch/server_probe.h"

namespace failover::watch::internal {

struct Finding {
  Seen seen = Seen::kUnreachable;
  // For people.
  std::string problem;
};

// The router could not ask, because it lacks something itself. That says nothing about the server.
FAILOVER_EXPORT Finding OwnTrouble(absl::string_view what);
// The same, with the number of the system's error.
FAILOVER_EXPORT Finding OwnTrouble(int error);

// `text` without what a server could forge log lines with, and not longer than a log line should
// be.
FAILOVER_EXPORT std::string Printable(absl::string_view text);

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_FINDING_H_

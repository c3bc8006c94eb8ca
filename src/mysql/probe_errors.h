// What an error says about a server that a probe asked.
#ifndef FAILOVER_SRC_MYSQL_PROBE_ERRORS_H_
#define FAILOVER_SRC_MYSQL_PROBE_ERRORS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "failover/watch/server_probe.h"

namespace failover::mysql::internal {

struct Finding {
  watch::Seen seen = watch::Seen::kUnreachable;
  // For people.
  std::string problem;
};

// `number` and `text` are those of libmariadb, which makes errors of its own and passes on those of
// the server. `last_packets` is what the server has sent last, if that is known. Thread-safe.
Finding FindingFromError(unsigned int number, absl::string_view text,
                         absl::string_view last_packets = {});

// The router could not ask, because it lacks something itself. That says nothing about the server.
Finding OwnTrouble(absl::string_view what);
// The same, with the number of the system's error.
Finding OwnTrouble(int error);

// `text` without what a server could forge log lines with, and not longer than a log line should
// be.
std::string Printable(absl::string_view text);

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_PROBE_ERRORS_H_

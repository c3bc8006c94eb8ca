// What an error says about a server that a probe asked.
#ifndef FAILOVER_SRC_MYSQL_PROBE_ERRORS_H_
#define FAILOVER_SRC_MYSQL_PROBE_ERRORS_H_

#include "absl/strings/string_view.h"
#include "watch/finding.h"

namespace failover::mysql::internal {

using watch::internal::Finding;
using watch::internal::OwnTrouble;
using watch::internal::Printable;

// `number` and `text` are those of libmariadb, which makes errors of its own and passes on those of
// the server. `last_packets` is what the server has sent last, if that is known. Thread-safe.
Finding FindingFromError(unsigned int number, absl::string_view text,
                         absl::string_view last_packets = {});

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_PROBE_ERRORS_H_

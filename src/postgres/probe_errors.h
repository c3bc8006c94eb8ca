// What an error of libpq says about a server that a probe asked.
//
// Thread-safety: the functions are pure and may be called from any thread.
#ifndef FAILOVER_SRC_POSTGRES_PROBE_ERRORS_H_
#define FAILOVER_SRC_POSTGRES_PROBE_ERRORS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "failover/postgres/monitored_server.h"
#include "watch/finding.h"

namespace failover::postgres::internal {

using watch::internal::Finding;
using watch::internal::OwnTrouble;
using watch::internal::Printable;

// How far libpq had come when it failed.
enum class Stage { kConnecting, kTls, kLogin, kQuestion };

struct ProbeError {
  Stage stage = Stage::kConnecting;
  // The text of libpq, of which the first line is used. If the server sent an error, the text has
  // the SQLSTATE (PQERRORS_VERBOSE).
  absl::string_view text;
  // The connection was closed by the server, or lost.
  bool server_gone = false;
};

Finding FindingFromError(const ProbeError& error, const MonitoredServer& server);

// The SQLSTATE in the first line of `text`; empty if there is none.
absl::string_view SqlStateIn(absl::string_view text);

}  // namespace failover::postgres::internal

#endif  // FAILOVER_SRC_POSTGRES_PROBE_ERRORS_H_

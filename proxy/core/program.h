// What the programs of all protocols have in common: the order of start and stop, and signals.
#ifndef FAILOVER_PROXY_CORE_PROGRAM_H_
#define FAILOVER_PROXY_CORE_PROGRAM_H_

#include <vector>

#include "absl/status/status.h"
#include "failover/watch/server_view.h"
#include "proxy/core/context.h"
#include "proxy/core/failover_history.h"
#include "proxy/core/protocol.h"

namespace proxy {

// Whatever checks the backends and reports what it finds to the Router.
class BackendMonitor {
 public:
  virtual ~BackendMonitor() = default;

  virtual absl::Status Start() = 0;
  // No report comes any more when Stop has returned.
  virtual void Stop() = 0;
  // What is known of the backends now (StatusSources::backends). Called on another thread, between
  // Start and Stop or before them.
  virtual std::vector<failover::watch::ServerView> Servers() const { return {}; }
};

// Prepares the process: allows as many file descriptors as the system does, and ignores SIGPIPE,
// because a connection that the other side has closed is noticed where it is used. The log lines of
// the library go where those of the proxy go. Must be called once, before a Buffer is made.
void PrepareProcess();

// Serves clients until SIGTERM or SIGINT, and then until the sessions have ended or
// Options::drain_timeout is over. A second signal ends the program at once. SIGUSR1 prints the
// state. SIGHUP reads the files of Context::tls again. An error says why nothing could be served.
// Afterwards the Buffer is shut down. `history` is what the status page shows, and must know the
// Buffer's transitions.
absl::Status Serve(const Context& context, const Protocol& protocol, BackendMonitor& monitor,
                   const FailoverHistory& history);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_PROGRAM_H_

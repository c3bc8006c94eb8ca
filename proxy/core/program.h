// What the programs of all protocols have in common: the order of start and stop, and signals.
#ifndef FAILOVER_PROXY_CORE_PROGRAM_H_
#define FAILOVER_PROXY_CORE_PROGRAM_H_

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "failover/watch/server_view.h"
#include "proxy/core/context.h"
#include "proxy/core/failover_history.h"
#include "proxy/core/program_parts.h"
#include "proxy/core/protocol.h"

namespace proxy {

// Whatever tells the Router or the Buffer what becomes of the backends.
class BackendMonitor {
 public:
  virtual ~BackendMonitor() = default;

  virtual absl::Status Start() = 0;
  // Nothing is told any more when Stop has returned. May be called without Start.
  virtual void Stop() = 0;
  // What is known of the backends now (StatusSources::backends). Called on another thread, between
  // Start and Stop or before them.
  virtual std::vector<failover::watch::ServerView> Servers() const { return {}; }
};

// A monitor or a feed of the library, which has a Start and a Stop.
template <class Feed>
class BackendMonitorOf final : public BackendMonitor {
 public:
  explicit BackendMonitorOf(std::unique_ptr<Feed> feed) : feed_(std::move(feed)) {}

  absl::Status Start() override { return feed_->Start(); }
  void Stop() override { feed_->Stop(); }
  std::vector<failover::watch::ServerView> Servers() const override {
    if constexpr (requires { feed_->Servers(); }) return feed_->Servers();
    return {};
  }

 private:
  const std::unique_ptr<Feed> feed_;
};

// What a program says of itself.
struct ProgramText {
  const char* name;
  // The end of the path of the source file that defines the flags of the protocol.
  const char* flags_file;
  const char* usage;  // what --help prints before the flags
};

// The main function of a proxy. Reads the flags, makes the parts and calls `run` with them. Prints
// its error. Returns the exit code: 2 for flags that are wrong, and 1 for other errors.
//
// The process may open as many files as the system allows. SIGPIPE is ignored, because a connection
// that the other side has closed is noticed where it is used. The log lines of the library go where
// those of the proxy go.
int RunProgram(int argc, char** argv, const ProgramText& text,
               absl::Status (*run)(ProgramParts& parts));

// The monitors, which are started in this order, and ended in the opposite one.
using BackendMonitors = std::vector<std::unique_ptr<BackendMonitor>>;

// Serves clients until SIGTERM or SIGINT, and then until the sessions have ended or
// Options::drain_timeout is over. A second signal ends the program at once. SIGUSR1 prints the
// state. SIGHUP reads the files of Context::tls again, and calls `reload_users`, whose error says
// why the users stay as they were. An error says why nothing could be served. Afterwards the Buffer
// is shut down. `history` is what the status page shows, and must know the Buffer's transitions.
absl::Status Serve(const Context& context, const Protocol& protocol,
                   const BackendMonitors& monitors, const FailoverHistory& history,
                   const std::function<absl::Status()>& reload_users);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_PROGRAM_H_

// Servers that exist only in a script, and probes of them. There is no socket and no database: a
// probe waits for an eventfd that the script controls.
#ifndef FAILOVER_TESTS_UNIT_WATCH_SCRIPTED_SERVER_H_
#define FAILOVER_TESTS_UNIT_WATCH_SCRIPTED_SERVER_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "failover/watch/server_probe.h"

namespace failover::watch {

// Thread-safe. Its probes share the ownership of the server's state, so they may outlive the
// server.
class ScriptedServer {
 public:
  // How the server answers a check that begins.
  enum class Way : std::uint8_t {
    kAtOnce,    // the check has ended when Begin returns
    kByEvent,   // the file descriptor becomes readable at once, and Continue ends the check
    kByWakeUp,  // there is no file descriptor; the probe calls `wake_up` on another thread
    kNever,     // the check goes on until the monitor lets it expire, or Answer is called
  };

  explicit ScriptedServer(Observation found, Way way = Way::kByEvent);

  // Both hold for the checks that begin from now on, and for a check that Answer ends.
  void Set(Observation found);
  void Set(Way way);
  // Answers the check that is under way and hangs.
  void Answer();

  // Waits until `more` checks have ended since the call began. Returns false if that takes longer
  // than a generous while.
  bool AwaitChecks(int more);
  // Waits until a check is under way that the server does not answer; false as above.
  bool AwaitHangingCheck();
  // Waits until `total` checks have begun; false as above.
  bool AwaitBegun(int total);
  int begun() const;
  int checks() const;
  // How many checks have expired.
  int expired() const;
  // Whether there is a probe of the server at the moment.
  bool has_probe() const;

  ProbeFactory factory() const;

 private:
  struct State;
  class Probe;

  const std::shared_ptr<State> state_;
};

}  // namespace failover::watch

#endif  // FAILOVER_TESTS_UNIT_WATCH_SCRIPTED_SERVER_H_

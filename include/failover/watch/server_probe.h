// How a monitor asks one database server whether it takes writes. A module for a database
// implements ServerProbe; failover/watch/monitor.h drives any number of probes with one thread.
#ifndef FAILOVER_WATCH_SERVER_PROBE_H_
#define FAILOVER_WATCH_SERVER_PROBE_H_

#include <poll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "failover/export.h"

namespace failover::watch {

// What a check of a server has found.
//
// kRefused, kFull and kUnknown tell nothing about whether the server takes writes: they are
// troubles of the monitor's own. After such a check the monitor believes what the check before
// found (failover/watch/monitor.h, "What the monitor cannot know").
enum class Seen : std::uint8_t {
  kWritable,  // the server takes writes
  kReadOnly,  // the server answers, and takes no writes
  kNotReady,  // the server answers, and takes no writes because of its state: it is not a part of
              // its multi-writer cluster at the moment, for instance, or it is in offline mode
  kRefused,   // the server answers, but not the monitor: wrong credentials, for instance
  kFull,      // the server answers that it takes no more connections
  kUnreachable,  // there is no connection, or the connection was lost
  kHung,         // the server did not answer in time
  kUnknown,      // the server was not asked, because of a trouble on this machine: there is no file
                 // descriptor, no free port or no name service, for instance
};

// The result of a check.
struct Observation {
  Seen seen = Seen::kUnreachable;
  // The server belongs to a cluster of which several servers may take writes at the same time.
  bool multi_writer = false;
  // Why the server does not take writes, for people. Empty for kWritable and kReadOnly.
  std::string problem = {};
  // Names the server itself, whatever address it is reached by: a text that no other server in the
  // world has, and that outlives a restart. Two addresses with the same identity count as one
  // server. A probe tells the identity with each check that finds kWritable, kReadOnly or
  // kNotReady; it does not matter otherwise. Empty means not known: then the address counts as a
  // server of its own.
  std::string identity = {};
  // A database may number the promotions of its data, as PostgreSQL does with its timelines. Then
  // the numbers tell an old primary from the new one (failover/watch/monitor.h, "Numbered
  // promotions"), and the identity need not outlive a restart.
  //
  // `history` names the data: a text that all servers have which replicate each other, and no other
  // server. A probe tells the history with each check that finds kWritable, kReadOnly or kNotReady.
  std::string history = {};
  // The number of the last promotion. A server that is promoted gets a larger one than the server
  // had that it replicated. 0 for a server that replicates another one, and if promotions have no
  // numbers.
  std::uint64_t generation = 0;
};

// Checks one server, and never waits for it. A monitor drives a probe like this:
//
//   probe.Begin();
//   while (probe.busy()) {
//     pollfd event = probe.event();
//     ... wait for the event with poll(2); then probe.Continue(event.revents),
//     ... or probe.Expire() if the check took too long
//   }
//   Observation found = probe.observation();
//
// A probe may keep its connection from check to check.
//
// Thread-safety: one thread at a time calls the functions of a probe. The functions must not block
// and must not throw.
class FAILOVER_EXPORT ServerProbe {
 public:
  // Closes the connection without waiting for the server. A check may be under way.
  virtual ~ServerProbe();

  // Begins a check. The probe must not be busy. The check may have ended when Begin returns.
  virtual void Begin() = 0;
  // Whether a check is under way.
  virtual bool busy() const = 0;
  // What the check waits for, in the form of poll(2). The file descriptor is -1 if the check waits
  // for something that no descriptor stands for, such as the look-up of an address, or if no check
  // is under way.
  virtual pollfd event() const = 0;
  // Goes on with the check. `revents` holds what poll(2) has found; 0 if it has found nothing. A
  // monitor may call this function with 0 at any time while the probe is busy.
  virtual void Continue(int revents) = 0;
  // Ends the check, which then has found kHung.
  virtual void Expire() = 0;
  // What the last check has found. Valid when a check has ended, until the next one begins.
  virtual const Observation& observation() const = 0;
};

// Makes the probe of one server; must not return nullptr.
//
// `wake_up` makes the monitor call Continue soon. A probe calls `wake_up` when something has ended
// that no file descriptor stands for. `wake_up` may be called on any thread, and even when the
// probe and its monitor are gone: then nothing happens.
using ProbeFactory =
    std::function<std::unique_ptr<ServerProbe>(const std::function<void()>& wake_up)>;

}  // namespace failover::watch

#endif  // FAILOVER_WATCH_SERVER_PROBE_H_

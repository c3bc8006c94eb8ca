// Starts real PostgreSQL servers under real Patronis for tests, on loopback and in temporary
// folders.
#ifndef FAILOVER_TESTS_SUPPORT_LIVE_PATRONI_H_
#define FAILOVER_TESTS_SUPPORT_LIVE_PATRONI_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "support/child_process.h"
#include "support/reserved_port.h"

namespace failover::test {

enum class Replication : std::uint8_t {
  kAsynchronous,
  kSynchronous,  // a COMMIT is on two members before the client learns of it
};

// A member of the cluster "batman", whose superuser is "postgres" and whom everybody on loopback
// may be. Not thread-safe.
class LivePatroni {
 public:
  // `etcd_port` is a port of an etcd on loopback. The first member that starts decides about the
  // replication.
  LivePatroni(const std::string& name, std::uint16_t etcd_port,
              Replication replication = Replication::kAsynchronous);
  // Ends the member, and its server with it.
  ~LivePatroni();

  LivePatroni(const LivePatroni&) = delete;
  LivePatroni& operator=(const LivePatroni&) = delete;

  // Runs the member, and waits until it answers 200 for the path: "/primary", "/replica". Returns
  // false if it does not within kPatience.
  bool Start(const std::string& path);

  // Kills the member and its server at once, as a crash of the machine does.
  void Kill();
  // Removes the data of a member that was killed. The member then starts with a copy of the
  // leader's.
  void Forget() const;

  std::uint16_t port() const { return server_port_.port(); }
  std::uint16_t rest_port() const { return rest_port_.port(); }
  // Sends a request with this JSON to the REST interface, and returns the whole answer.
  std::string Ask(const std::string& method, const std::string& path,
                  const std::string& json) const;

 private:
  std::string Configuration(const std::string& name, std::uint16_t etcd_port,
                            Replication replication) const;

  const TemporaryFolder folder_;
  const ReservedPort server_port_;
  const ReservedPort rest_port_;
  pid_t process_ = -1;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_LIVE_PATRONI_H_

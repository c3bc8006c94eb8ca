// Starts a real etcd for tests, on loopback and in a temporary folder.
#ifndef FAILOVER_TESTS_SUPPORT_LIVE_ETCD_H_
#define FAILOVER_TESTS_SUPPORT_LIVE_ETCD_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "support/child_process.h"
#include "support/reserved_port.h"

namespace failover::test {

// A cluster of one member. Not thread-safe.
class LiveEtcd {
 public:
  // What the member is started with, beside its addresses. If `scheme` is "https", the options must
  // name a certificate.
  explicit LiveEtcd(std::vector<std::string> options = {}, std::string scheme = "http");
  ~LiveEtcd();

  LiveEtcd(const LiveEtcd&) = delete;
  LiveEtcd& operator=(const LiveEtcd&) = delete;

  std::uint16_t port() const { return client_port_.port(); }
  std::string url() const;

  // Starts the member, with the data of before, and waits until it answers. Returns false if it
  // does not within kPatience.
  bool Start();
  // Kills the member.
  void Stop();
  // Removes the data of a member that was stopped.
  void Forget() const;

  // Runs etcdctl with these arguments. Returns whether it has succeeded.
  bool Control(std::vector<std::string> arguments) const;
  void Put(const std::string& key, const std::string& value) const;
  void Delete(const std::string& key) const;
  // Arguments that each call of etcdctl gets from now on.
  void SetControlOptions(std::vector<std::string> options) { control_ = std::move(options); }

 private:
  const std::vector<std::string> options_;
  const std::string scheme_;
  const TemporaryFolder folder_;
  const ReservedPort client_port_;
  const ReservedPort peer_port_;
  std::vector<std::string> control_;
  pid_t process_ = -1;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_LIVE_ETCD_H_

// How a feed reaches an etcd cluster: over the JSON gateway of etcd's API version 3, which every
// member serves on its client port (etcd 3.4 and later).
//
// Plain data that owns what it holds.
#ifndef FAILOVER_TOPOLOGY_ETCD_OPTIONS_H_
#define FAILOVER_TOPOLOGY_ETCD_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failover/export.h"

namespace failover::topology {

// The TLS of the endpoints that begin with https://. The certificate of a server is always checked.
// Every file is in PEM format.
struct EtcdTls {
  // The certificates of the authorities that may have signed the certificates of the servers. If
  // this is empty, those that the system trusts.
  std::string ca_file = {};
  // The certificate and the private key that the feed shows to the servers: both or none.
  std::string certificate_file = {};
  std::string key_file = {};
};

// Copyable; not thread-safe, as any plain struct.
struct FAILOVER_EXPORT EtcdOptions {
  // The members of one cluster, as "https://10.0.0.1:2379" or "http://...". They are tried in turn.
  std::vector<std::string> endpoints;
  EtcdTls tls = {};
  // If `user` is empty, the feed does not log in. The role of the user must allow to read the keys
  // of the clusters that are watched.
  std::string user = {};
  std::string password = {};
  // Whether the password may be sent over http://, where anybody on the way can read it.
  bool password_without_tls = false;
  // How often the keys are read besides the watch, in case that the watch has died without a word.
  // From 100 ms to 1 hour.
  absl::Duration poll_interval = absl::Seconds(3);
  // How long one question may take as a whole: look-up, connection and answer. From 10 ms to 1
  // hour.
  absl::Duration request_timeout = absl::Seconds(2);

  // OK, or kInvalidArgument with the name of the first field that is wrong, as in "endpoints[1]".
  // Looks whether the files can be read, and so may wait for the file system.
  absl::Status Validate() const;
};

}  // namespace failover::topology

#endif  // FAILOVER_TOPOLOGY_ETCD_OPTIONS_H_

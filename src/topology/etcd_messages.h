// The messages of etcd's JSON gateway, without a network: requests as texts, and answers as plain
// data. Keys and values travel in base64, and 64-bit integers as strings.
//
// Thread-safety: the functions are pure and may be called from any thread.
#ifndef FAILOVER_SRC_TOPOLOGY_ETCD_MESSAGES_H_
#define FAILOVER_SRC_TOPOLOGY_ETCD_MESSAGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace failover::topology::internal {

// What every answer begins with.
struct EtcdHeader {
  std::uint64_t cluster_id = 0;
  std::int64_t revision = 0;
};

struct EtcdKey {
  std::string key;
  std::string value;
  std::int64_t create_revision = 0;
  std::int64_t mod_revision = 0;
};

struct RangeReply {
  EtcdHeader header;
  std::vector<EtcdKey> keys;
};

struct WatchEvent {
  bool deleted = false;
  EtcdKey key;  // without a value if the key was deleted
};

// One line of a watch.
struct WatchReply {
  EtcdHeader header;
  bool created = false;
  bool canceled = false;
  // The oldest revision that is kept, if the watch asked for an older one. Otherwise 0.
  std::int64_t compact_revision = 0;
  std::string cancel_reason;
  std::vector<WatchEvent> events;

  // Everything up to header.revision was told before.
  bool IsProgress() const { return !created && !canceled && events.empty(); }
};

// The bodies of the requests. A prefix must not be empty.
std::string RangeRequest(absl::string_view prefix);
std::string WatchRequest(absl::string_view prefix, std::int64_t start_revision);
std::string AuthenticateRequest(absl::string_view user, absl::string_view password);

// The answers. kDataLoss says what is malformed, without showing values. An answer that is an error
// of etcd is kUnavailable with etcd's text.
absl::StatusOr<RangeReply> ParseRangeReply(absl::string_view body);
absl::StatusOr<WatchReply> ParseWatchLine(absl::string_view line);
// Returns the token.
absl::StatusOr<std::string> ParseAuthenticateReply(absl::string_view body);
// What an answer with another HTTP status than 200 says.
absl::Status ErrorOfReply(long http_code, absl::string_view body);

}  // namespace failover::topology::internal

#endif  // FAILOVER_SRC_TOPOLOGY_ETCD_MESSAGES_H_

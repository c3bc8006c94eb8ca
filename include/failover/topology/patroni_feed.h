// Learns from etcd who leads the clusters that Patroni manages, and holds the requests of a shard
// as soon as etcd announces a planned switchover: some 200 ms before the old primary stops.
//
//   failover::topology::PatroniFeedOptions options;
//   options.etcd.endpoints = {"http://10.0.0.1:2379", "http://10.0.0.2:2379"};
//   options.shards.push_back({"batman", "commerce", "0"});   // scope, keyspace, shard
//   options.buffer = buffer.get();
//   auto feed = failover::topology::PatroniFeed::Create(options);
//   if (!feed.ok() || !(*feed)->Start().ok()) ...
//
// The feed knows no database. It works for each shard whose leader stands in etcd under Patroni's
// keys: <namespace>/<scope>/leader, /members/<name> and /failover.
//
// What the feed may decide
// ------------------------
// The key of the leader is written up to 0.6 s before the new leader takes writes. So the feed
// never says that a shard has a primary that serves. Reports of a monitor that asks the servers
// themselves, for instance postgres::PrimaryMonitor, must reach the same Buffer. They release what
// the feed holds.
//
//  1. An announcement (the key `failover`) begins a planned switchover of the shard at once, in
//     which everything is held (Buffer::BeginSwitchover, without a grace for transactions). The
//     announcement must concern the present leader. One that is scheduled (`scheduled_at`) begins
//     it when it is due by this machine's wall clock. One that was due longer than `longest_hold`
//     ago begins nothing. Each announcement begins at most one hold.
//  2. If the Buffer reports another primary meanwhile, the Buffer releases the requests.
//  3. When another leader stands in etcd, the feed commits the switchover. If no report names
//     another primary yet, the old one counts as down and the shard goes on to hold, as in a
//     failover.
//  4. If the announcement is withdrawn and the leader is the same, the switchover is called off,
//     and the requests go to the old primary, unless that is reported down. If the old leader had
//     lost its key and has it again, that happens one second after the feed has seen the key.
//  5. Otherwise the switchover is called off after `longest_hold`.
//
// A shard that holds or drains already needs no hold at the moment. The feed tries again as long as
// the announcement is new enough.
//
// etcd does not answer
// --------------------
// What is known stays, and silence releases nothing. The feed tries the endpoints in turn, with
// pauses that grow to 5 s. After that it reads all keys anew, so it misses no change that lasts.
//
// Terms
// -----
// The term of a leader is the revision of etcd at which the key of the leader got its present name.
// So it grows with each change of the leader, and all routers see the same numbers. A cluster of
// etcd that was built anew, or restored from a backup, counts its revisions from a lower number.
// The feed sees that by the identifier of the cluster, or by a revision that went back. Then the
// feed logs a warning and adds the highest term of before to all later revisions, so terms never go
// back in one process. A hold that is under way is neither committed nor called off by what such a
// cluster says: reports and `longest_hold` end it.
#ifndef FAILOVER_TOPOLOGY_PATRONI_FEED_H_
#define FAILOVER_TOPOLOGY_PATRONI_FEED_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "failover/export.h"
#include "failover/log.h"
#include "failover/topology/etcd_options.h"

namespace failover {

class Buffer;

}  // namespace failover

namespace failover::topology {

// One cluster of Patroni, and the shard of the Buffer that it serves.
struct PatroniShard {
  std::string scope;  // the name of the cluster in Patroni's configuration
  std::string keyspace;
  std::string shard;
};

// A server of a cluster, as its Patroni describes it. Empty: Patroni did not tell.
struct PatroniMember {
  std::string name;
  std::string conn_url;  // "postgres://10.0.0.1:5432/postgres"
  std::string api_url;   // "http://10.0.0.1:8008/patroni"
  std::string state;     // "running", "stopped", "starting", ...
  std::string role;      // "master", "primary", "replica", "standby_leader", ...
  std::int64_t timeline = 0;

  friend bool operator==(const PatroniMember& a, const PatroniMember& b) {
    return a.name == b.name && a.conn_url == b.conn_url && a.api_url == b.api_url &&
           a.state == b.state && a.role == b.role && a.timeline == b.timeline;
  }
};

// Where the database of a member listens.
struct MemberAddress {
  std::string host;  // a name or a numeric address, without brackets
  std::uint16_t port = 0;
};

// Reads the address from conn_url, for instance for the servers of a monitor. kInvalidArgument: the
// URL has no host or no port. Pure; may be called from any thread.
FAILOVER_EXPORT absl::StatusOr<MemberAddress> AddressOf(const PatroniMember& member);

// A switchover that somebody asked Patroni for, and that is not done yet.
struct PatroniSwitchover {
  // The leader that shall be replaced, and the member that shall replace it. Either may be empty.
  std::string leader;
  std::string candidate;
  // nullopt: at once.
  std::optional<absl::Time> scheduled_at = {};
};

// What is known of one cluster.
struct PatroniState {
  PatroniShard shard;
  // The keys were read at least once. Otherwise nothing below is known.
  bool known = false;
  // The name of the member that holds the key of the leader. Empty: nobody does.
  std::string leader;
  // The term of the last leader. 0: there was none.
  std::int64_t term = 0;
  // When the feed learned of `leader`, on the wall clock.
  absl::Time leader_since = absl::InfinitePast();
  // Sorted by name. The number of members is limited to 256.
  std::vector<PatroniMember> members;
  std::optional<PatroniSwitchover> announced = {};
  // The feed holds the shard because of an announcement.
  bool holding = false;
  // The watch of the keys stands. Otherwise the rest is what was known before.
  bool connected = false;
  // Why the last attempt to reach etcd failed, with the endpoint. OK while `connected`.
  absl::Status last_error = absl::OkStatus();
};

// Copyable; not thread-safe, as any plain struct.
struct FAILOVER_EXPORT PatroniFeedOptions {
  EtcdOptions etcd = {};
  // The setting of the same name of Patroni.
  std::string namespace_path = "/service/";
  std::vector<PatroniShard> shards;
  // Where announcements hold requests. nullptr: the feed holds nothing. Not owned; must outlive the
  // feed, or its Stop.
  Buffer* buffer = nullptr;
  // The longest hold of an announcement. BufferOptions::window bounds the hold, too. From 100 ms to
  // 1 hour.
  absl::Duration longest_hold = absl::Seconds(5);
  // Called when the state of a shard has changed, on the feed's thread and under no lock. It must
  // not throw (std::terminate). Announcements of all shards wait for it, so it should be quick. It
  // may call the feed. May be empty.
  std::function<void(const PatroniState&)> on_change = {};
  // BufferOptions::log explains the function. Lines are written when something changes, and hold no
  // password.
  LogFunction log = {};

  // OK, or kInvalidArgument with the name of the first field that is wrong, as in
  // "shards[1].scope" or "etcd.endpoints[0]".
  absl::Status Validate() const;
};

// Watches the keys of all clusters with one thread, and with one connection for each.
//
// Thread-safe.
class FAILOVER_EXPORT PatroniFeed {
 public:
  // kInvalidArgument: an option is wrong (PatroniFeedOptions::Validate). kResourceExhausted: there
  // is no memory or file descriptor for the client.
  static absl::StatusOr<std::unique_ptr<PatroniFeed>> Create(const PatroniFeedOptions& options);
  // Does the same as Stop. Must not be called inside a callback of the feed or of the Buffer.
  ~PatroniFeed();

  PatroniFeed(const PatroniFeed&) = delete;
  PatroniFeed& operator=(const PatroniFeed&) = delete;

  // Begins to watch. kFailedPrecondition: the feed was started or stopped before.
  // kResourceExhausted: the system gives no thread.
  absl::Status Start();

  // Ends the thread and closes the connections. A switchover that the feed has begun is called off,
  // or committed if nobody leads just then, because its old leader is given up.
  // The Buffer and the callback are not called any more afterwards. Idempotent. On the feed's own
  // thread, for instance inside the callback, Stop does not wait: the thread ends after that call.
  void Stop();

  // A copy of what is known; nullopt if the feed does not watch the shard. Cheap, never waits for
  // etcd, and may be called before Start and after Stop.
  std::optional<PatroniState> State(std::string_view keyspace, std::string_view shard) const;

 private:
  class Impl;
  explicit PatroniFeed(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace failover::topology

#endif  // FAILOVER_TOPOLOGY_PATRONI_FEED_H_

// Decides which server of a shard is its primary, from what checks of the servers have found.
#ifndef FAILOVER_SRC_WATCH_PRIMARY_ELECTION_H_
#define FAILOVER_SRC_WATCH_PRIMARY_ELECTION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "failover/watch/server_probe.h"

namespace failover::watch::internal {

// failover/watch/monitor.h states the rules of the election and their reasons ("Who is the
// primary").
//
// The class does no I/O and knows no clock and no thread. It is not thread-safe. A server is known
// by its index.
class PrimaryElection {
 public:
  enum class Situation : std::uint8_t {
    kStarting,    // some server has not been checked yet
    kPrimary,     // the primary takes writes, and no other trusted server takes writes
    kNoPrimary,   // no trusted server takes writes
    kSplitBrain,  // several trusted servers take writes, or took writes a moment ago
  };

  explicit PrimaryElection(std::size_t servers) : servers_(servers) {}

  // A check of `server` begins. What the check finds is no older than this moment.
  void CheckStarted(std::size_t server);
  // The check of `server` that began last has ended.
  void CheckEnded(std::size_t server, Observation observation);

  // The server that was trusted last. `situation` tells whether this server takes writes.
  std::optional<std::size_t> primary() const { return primary_; }
  // Grows whenever another server becomes the primary; 0 before the first primary.
  std::uint64_t term() const { return term_; }
  Situation situation() const { return situation_; }

  // The servers that take writes and are the primary, were promoted, or may become the first
  // primary. More than one contender is a split brain, unless all of them belong to one
  // multi-writer cluster.
  std::vector<std::size_t> contenders() const;
  // Whether a split brain is certain. A split brain is not certain as long as a contender has not
  // been checked since the newest contender was seen.
  bool split_brain_confirmed() const;

  // What the last check of `server` has found; nullptr before the first check has ended.
  const Observation* last(std::size_t server) const;
  // Whether `server` and the primary belong to the same multi-writer cluster.
  bool peer_of_primary(std::size_t server) const;
  // Whether `server` was read-only when it answered last.
  bool known_as_replica(std::size_t server) const;
  // Whether `server` takes writes, but will not become the primary because nobody was seen to
  // promote it.
  bool distrusts(std::size_t server) const;

 private:
  // What a server was when it answered last.
  enum class Role : std::uint8_t { kUnknown, kReadOnly, kWritable };

  struct Server {
    bool checked = false;
    Observation last;
    Role last_known_role = Role::kUnknown;
    bool multi_writer = false;
    // The server was seen read-only, and later taking writes: somebody promoted it.
    bool promoted = false;
    // The tick when the check that is under way began.
    std::uint64_t check_began = 0;
    // The tick when the check that found `last` began.
    std::uint64_t last_began = 0;
    // The tick when a check found the server writable that had not been writable before.
    std::uint64_t writable_since = 0;
  };

  static bool Writable(const Server& server);
  bool PrimaryWritable() const { return primary_ && Writable(servers_[*primary_]); }
  bool AllChecked() const;
  bool AnotherWasWritable(std::size_t index) const;

  void Record(std::size_t index, Observation observation);
  void Elect();
  void ForgetPromotions();
  Situation Assess() const;

  std::optional<std::size_t> FirstPrimary() const;
  std::optional<std::size_t> Successor() const;
  bool MayBePrimary(std::size_t index) const;
  bool SeenSinceDoubt(std::size_t index) const;
  bool SplitBrain() const;

  std::vector<Server> servers_;
  std::optional<std::size_t> primary_;
  std::uint64_t term_ = 0;
  Situation situation_ = Situation::kStarting;
  // The tick when the primary was lost, or a rival was found, for the last time.
  std::uint64_t doubt_since_ = 0;
  // Counts the begins and ends of checks. The ticks order them without a clock.
  std::uint64_t tick_ = 0;
};

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_PRIMARY_ELECTION_H_

// Decides which server of a shard is its primary, from what checks of the servers have found.
#ifndef FAILOVER_SRC_WATCH_PRIMARY_ELECTION_H_
#define FAILOVER_SRC_WATCH_PRIMARY_ELECTION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "failover/watch/server_probe.h"
#include "watch/known_server.h"
#include "watch/standing.h"

namespace failover::watch::internal {

// failover/watch/monitor.h states the rules of the election and their reasons ("Who is the
// primary", "What the monitor cannot know", "One server under two names").
//
// The class does no I/O and knows no clock and no thread. It is not thread-safe. A server is known
// by its index. An index stands for an address: several of them may belong to one server.
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

  // Whether a check of `server` has ended.
  bool checked(std::size_t server) const { return servers_[server].checked; }
  // What the last check of `server` that told something has found; nullptr before such a check.
  const Observation* last(std::size_t server) const;
  // Whether the last check of `server` told nothing.
  bool blind(std::size_t server) const { return servers_[server].blind; }
  // The identity of the server that answered last at the address `server`; empty if not known.
  const std::string& identity(std::size_t server) const { return servers_[server].identity; }
  // The address that speaks for the server behind the address `server`, which may be itself.
  std::size_t speaker(std::size_t server) const;
  // Whether `server` and the primary belong to the same multi-writer cluster.
  bool peer_of_primary(std::size_t server) const;
  // Whether `server` was read-only when it answered last.
  bool known_as_replica(std::size_t server) const;
  // Whether `server` takes writes, but will not become the primary because nobody was seen to
  // promote it, or because its generation tells against it (`standing`).
  bool distrusts(std::size_t server) const;
  // What the generations say about `server`, which takes writes.
  Standing standing(std::size_t server) const {
    return StandingOf(servers_, server, {primary_, primary_history_});
  }

 private:
  using Role = KnownServer::Role;

  // What held before a check ended.
  struct Before {
    bool primary_wrote = false;
    bool server_of_primary_wrote = false;
    std::vector<std::size_t> contenders;
  };

  bool PrimaryWritable() const { return primary_ && MayBePrimary(*primary_); }
  bool IsServerOfPrimary(std::size_t index) const;
  // Whether the server of the primary takes writes, by whichever address.
  bool ServerOfPrimaryWrites() const;
  bool AllChecked() const;
  bool AnotherWasWritable(std::size_t index) const;

  void Record(std::size_t index, Observation observation);
  void RaiseDoubt(std::size_t index, const Before& before);
  void Elect();
  void Install(std::size_t index);
  void AcceptMoveOfPrimary();
  void RememberPrimary();
  void ForgetPromotions();
  Situation Assess() const;

  std::optional<std::size_t> FirstPrimary() const;
  std::optional<std::size_t> Successor() const;
  bool MayBePrimary(std::size_t index) const;
  bool MaySucceed(std::size_t index) const;
  bool SeenSinceDoubt(std::size_t index) const;
  bool SplitBrain() const;

  std::vector<KnownServer> servers_;
  std::optional<std::size_t> primary_;
  // The identity of the primary, whatever answers at its address now; empty if not known.
  std::string primary_identity_;
  // The history and the generation of the data that the primary had when it was accepted.
  std::string primary_history_;
  std::uint64_t primary_generation_ = 0;
  std::uint64_t term_ = 0;
  Situation situation_ = Situation::kStarting;
  // The tick when the primary was lost, or a rival was found, for the last time.
  std::uint64_t doubt_since_ = 0;
  // Counts the begins and ends of checks. The ticks order them without a clock.
  std::uint64_t tick_ = 0;
};

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_PRIMARY_ELECTION_H_

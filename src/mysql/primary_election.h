// Decides which server of a shard is its primary, from what polls of the servers have found.
#ifndef FAILOVER_SRC_MYSQL_PRIMARY_ELECTION_H_
#define FAILOVER_SRC_MYSQL_PRIMARY_ELECTION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace failover::mysql::internal {

// What a poll of a server has found.
enum class Seen : std::uint8_t {
  kWritable,     // it takes writes
  kReadOnly,     // read_only or innodb_read_only is on
  kNotReady,     // a Galera node that is not part of its cluster at the moment
  kRefused,      // it answers, but not the question: wrong credentials, for instance
  kFull,         // it answers that it takes no more connections
  kUnreachable,  // there is no connection, or it was lost
  kHung,         // no answer in time
};

struct Observation {
  Seen seen = Seen::kUnreachable;
  // A node of a Galera cluster: several may be writable at the same time.
  bool galera = false;
  // For people; empty for kWritable and kReadOnly.
  std::string problem;
};

// The rules, and their reasons, are in failover/mysql/primary_monitor.h ("Who is the primary").
//
// Plain data: no I/O, no clock, no thread; not thread-safe. Servers are known by their index.
class PrimaryElection {
 public:
  enum class Situation : std::uint8_t {
    kStarting,    // not every server has been polled yet
    kPrimary,     // the primary takes writes, alone
    kNoPrimary,   // no server that is trusted takes writes
    kSplitBrain,  // several do, or did a moment ago
  };

  explicit PrimaryElection(std::size_t servers) : servers_(servers) {}

  // A poll of `server` begins. What it finds is no older than this moment.
  void PollStarted(std::size_t server);
  // The poll of `server` that began last has ended.
  void PollEnded(std::size_t server, Observation observation);

  // The server that was trusted last; `situation` tells whether it takes writes.
  std::optional<std::size_t> primary() const { return primary_; }
  // Grows whenever another server becomes the primary; 0 before the first.
  std::uint64_t term() const { return term_; }
  Situation situation() const { return situation_; }

  // Those who take writes and are, were made or may be the primary. More than one, and not of one
  // Galera cluster: a split brain.
  std::vector<std::size_t> contenders() const;
  // kSplitBrain: it is more than old servers that have not been polled since a new one was seen.
  bool split_brain_confirmed() const;

  // nullptr before the first poll of `server` has ended.
  const Observation* last(std::size_t server) const;
  // A node of the same Galera cluster as the primary.
  bool peer_of_primary(std::size_t server) const;
  // When `server` told last, it was read-only.
  bool known_as_replica(std::size_t server) const;
  // `server` takes writes, but will not become the primary: nobody was seen to promote it.
  bool distrusts(std::size_t server) const;

 private:
  // What a server was when it told last.
  enum class Role : std::uint8_t { kUnknown, kReadOnly, kWritable };

  struct Server {
    bool polled = false;
    Observation last;
    Role last_known_role = Role::kUnknown;
    bool galera = false;
    // It was seen read-only, and then writable: somebody made it a primary.
    bool promoted = false;
    // Ticks. The begin of the poll that runs, and of the one that `last` is from; the end of the
    // first one that found it writable.
    std::uint64_t poll_began = 0;
    std::uint64_t last_began = 0;
    std::uint64_t writable_since = 0;
  };

  static bool Writable(const Server& server);
  bool PrimaryWritable() const { return primary_ && Writable(servers_[*primary_]); }
  bool AllPolled() const;
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
  // The tick when last the primary was lost or a rival was found.
  std::uint64_t doubt_since_ = 0;
  // Counts begins and ends of polls: an order without a clock.
  std::uint64_t tick_ = 0;
};

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_PRIMARY_ELECTION_H_

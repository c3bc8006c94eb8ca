// What a shard believes about its primary, from health reports and keyspace events.
#ifndef FAILOVER_SRC_SHARD_KNOWN_PRIMARY_H_
#define FAILOVER_SRC_SHARD_KNOWN_PRIMARY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "failover/health_check.h"
#include "failover/internal/instant.h"
#include "failover/stats.h"

namespace failover::internal {

// When the state that a report tells of was observed.
struct Observed {
  Instant at;
  // The report has a stamp (TabletStats::observed_at). Otherwise `at` is a guess.
  bool stamped = false;
};

// What a report means to its shard. docs/design.md ("What may be believed") explains the rules.
enum class News : std::uint8_t {
  kNothing,
  kLate,          // a newer report of the same server came before
  kOldPrimary,    // another server serves, and is taken for an old primary
  kPrimaryDown,   // the believed primary does not serve (E2)
  kServing,       // the believed primary serves, and was not down (E6)
  kServingAgain,  // the believed primary was down, and serves (E5)
  kNewPrimary,    // another primary serves (E3, E4)
};

// Plain data: the mutex of the shard guards the object. A function that throws std::bad_alloc has
// changed nothing, so the report can be repeated.
class KnownPrimary {
 public:
  // Takes in the report of a server that calls itself primary.
  News OnReport(Instant now, const TabletStats& stats, Observed observed);
  // Returns why a failover is over, if the event says so.
  std::optional<StopReason> OnKeyspaceEvent(Instant now, const ShardEvent& event,
                                            MoveTablesState move_tables);

  // nullptr if no server is believed.
  const TabletAlias* believed() const {
    return believed_ == kNobody ? nullptr : &servers_[believed_].alias;
  }
  // Whether the believed primary was reported not to serve, and nothing has refuted that since.
  bool IsDown() const { return down_ && !refuted_; }
  // Whether requests should not be sent: the primary was seen serving, and does not serve now.
  bool IsMissed() const { return IsDown() && has_served_ && !excused_; }

  // A failover took too long, so the primary is not missed any longer. A serving report that came
  // meanwhile may have looked too old to be of a new primary. The next serving report is believed,
  // from whichever server it comes (E9).
  void StopMissing() {
    if (down_) has_served_ = false;
    given_up_ = false;
    replaced_at_ = kLongAgo;
  }
  // An operator stopped the buffering. The primary is missed again only after it was seen serving.
  void Excuse() {
    excused_ = down_;
    given_up_ = false;
    replaced_at_ = kLongAgo;
  }
  // An operator has replaced the primary (Switchover::Commit), and no other server is known to be
  // the primary. The believed primary counts as down from now on, and its serving reports count as
  // those of an old primary, until it reports a term above all of before. If no server is believed,
  // the first serving report that was observed later names the new primary.
  void GiveUp(Instant now);
  // A retry has shown that the shard takes writes since the last report "down" (E7). The next such
  // report counts again.
  void RefuteDown() {
    changed_ |= IsDown();
    refuted_ = down_;
  }

  // When another server was last reported to be the primary.
  Instant last_reparent() const { return last_reparent_; }
  // When the last report came that was not late; kLongAgo if none did.
  Instant last_report() const {
    Instant last = kLongAgo;
    for (const Server& server : servers_) last = std::max(last, server.last_report);
    return last;
  }
  // When the primary was first reported down. It has a meaning while IsDown.
  Instant down_since() const { return down_since_; }
  // Whether connections of before may lead to a server that is the primary no more: since the last
  // call another server became the primary, or the same one came back, or a keyspace event came.
  bool TakeChange() { return std::exchange(changed_, false); }

 private:
  // The terms of servers that are remembered no more count together.
  static constexpr std::int64_t kNoTerm = std::numeric_limits<std::int64_t>::min();
  static constexpr std::size_t kNobody = std::numeric_limits<std::size_t>::max();

  struct Server {
    TabletAlias alias;
    Instant newest = kLongAgo;  // of what its reports told
    Instant last_report = kLongAgo;
    std::int64_t highest_term = kNoTerm;     // of all its reports
    std::int64_t term_as_primary = kNoTerm;  // the highest while the server was believed
  };

  std::size_t Find(const TabletAlias& alias) const;
  // Forgets another server if too many are remembered.
  std::size_t FindOrAdd(const TabletAlias& alias);
  std::size_t LeastWorthRemembering() const;
  News OnDown(Instant now, std::size_t server, Observed observed);
  News OnServing(Instant now, std::size_t server, std::int64_t term, Observed observed);
  // Rule E4.
  bool Succeeds(const Server& server, std::int64_t term) const;
  // The server is the primary. Believe says also that it serves.
  void TakeAsPrimary(std::size_t server);
  void Believe(std::size_t server);
  // The server is believed, whether it serves or not.
  static void NoteTermAsPrimary(Server& primary) {
    primary.term_as_primary = std::max(primary.term_as_primary, primary.highest_term);
  }

  // Most shards hear of one server at a time that calls itself the primary.
  absl::InlinedVector<Server, 1> servers_;
  std::size_t believed_ = kNobody;
  std::int64_t highest_term_ = 0;  // of all serving reports
  std::int64_t forgotten_term_ = kNoTerm;
  Instant last_reparent_ = kLongAgo;
  Instant down_since_ = kLongAgo;
  Instant down_observed_ = kLongAgo;
  // When the primary was given up that nobody knew; kLongAgo otherwise.
  Instant replaced_at_ = kLongAgo;
  bool had_primary_ = false;  // a server was believed, now or before
  bool has_served_ = false;
  bool down_ = false;
  bool excused_ = false;
  bool refuted_ = false;
  bool changed_ = false;
  bool given_up_ = false;
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_SHARD_KNOWN_PRIMARY_H_

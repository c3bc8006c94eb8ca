// How many connections to backends are made at once.
#ifndef FAILOVER_PROXY_CORE_CONNECT_TURNS_H_
#define FAILOVER_PROXY_CORE_CONNECT_TURNS_H_

#include <list>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/mutex.h"

namespace proxy {

// After a failover every session needs a new connection. If all of them logged in at the same
// moment, the new primary would have no time for the statements of those that are in already.
//
// Thread-safe. Must outlive every ConnectTurn.
class ConnectTurns {
 public:
  // `limit`: how many have a turn at the same time. At least 1.
  explicit ConnectTurns(int limit) : free_(limit) {}

  ConnectTurns(const ConnectTurns&) = delete;
  ConnectTurns& operator=(const ConnectTurns&) = delete;

  // How many wait for a turn.
  int waiting() const;

 private:
  friend class ConnectTurn;
  struct Place;

  // Whether the place has a turn at once. If not, the place waits.
  bool Enter(const std::shared_ptr<Place>& place);
  // Ends the wait. Whether the place has got a turn.
  bool EndWait(Place& place);
  // Gives a turn to the place that has waited longest.
  void GiveBack();

  mutable Mutex mutex_;
  int free_ ABSL_GUARDED_BY(mutex_);
  std::list<std::shared_ptr<Place>> queue_ ABSL_GUARDED_BY(mutex_);  // the oldest comes first
};

// The turn of one session. The destructor gives the turn back.
//
// The object is used on its event loop only.
class ConnectTurn {
 public:
  // If `turns` is nullptr, everybody has a turn.
  ConnectTurn(ConnectTurns* turns, const Executor& loop);
  ~ConnectTurn();

  ConnectTurn(const ConnectTurn&) = delete;
  ConnectTurn& operator=(const ConnectTurn&) = delete;

  // Waits for the turn, for `patience` at most. Who waits longer goes on without a turn: a backend
  // that hangs must not hold up those that stand behind. Returns false after Cancel.
  Task<bool> Await(absl::Duration patience);
  // Ends the wait.
  void Cancel();

 private:
  ConnectTurns* const turns_;
  const std::shared_ptr<ConnectTurns::Place> place_;
  bool has_turn_ = false;
  bool cancelled_ = false;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_CONNECT_TURNS_H_

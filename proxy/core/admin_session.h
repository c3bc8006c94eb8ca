// One connection of the admin interface: its commands, and its planned switchover.
#ifndef FAILOVER_PROXY_CORE_ADMIN_SESSION_H_
#define FAILOVER_PROXY_CORE_ADMIN_SESSION_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failover/switchover.h"
#include "proxy/core/admin_command.h"
#include "proxy/core/admin_lines.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/context.h"
#include "proxy/core/uncounted_work.h"

namespace proxy {

class AdminSession;

// What the sessions and their server share. Used on the event loop only.
struct AdminShared {
  // The sessions that live.
  std::unordered_set<AdminSession*> sessions = {};
  // No switchover begins any more.
  bool draining = false;
};

// How long a peer may be silent while it has no switchover, and how long it may take for an answer.
struct AdminTimes {
  absl::Duration idle = absl::Minutes(10);
  absl::Duration write = absl::Seconds(5);
};

// A switchover belongs to the session that began it. If the session ends for any reason, the
// switchover is called off. Used on its event loop only.
class AdminSession {
 public:
  // `context` is not owned, and must outlive the session.
  AdminSession(const Context& context, LocalSocket socket, const AdminTimes& times,
               std::shared_ptr<AdminShared> shared);
  ~AdminSession();

  AdminSession(const AdminSession&) = delete;
  AdminSession& operator=(const AdminSession&) = delete;

  // Serves the peer until the peer leaves.
  Task<> Run();
  // The program is to end: a session without a switchover ends now, and another one when its
  // switchover has ended.
  void Drain();
  // Whether the session has begun a switchover, and its peer has not asked for the end of it yet.
  bool HasSwitchover() const { return planned_ != nullptr; }

 private:
  // Whether the session's switchover is under way.
  bool IsSwitching() const;
  // Lets uncounted attempts run again if the switchover has ended, also if the peer does not ask.
  void NoticeEnd();

  // nullopt: a wait goes on. Otherwise the answer to the peer. An empty answer: nobody would read
  // it, so the session ends, and does nothing more that the peer has asked for.
  using Answer = std::optional<std::string>;

  // The session's switchover, and what is told about it.
  struct Planned {
    Planned(const Context& context, std::optional<std::size_t> primary) : old_primary(primary) {
      uncounted.emplace(context.uncounted);
    }

    // Destroyed after `switchover`. nullopt: the switchover has ended.
    std::optional<UncountedWork::Switching> uncounted;
    const std::optional<std::size_t> old_primary;
    std::optional<failover::Switchover> switchover = {};
  };

  // How many uncounted attempts are under way.
  int UncountedAttempts() const;
  // Executes the peer's next command. An empty answer is as above.
  Task<std::string> AnswerNext();
  Task<std::optional<std::string>> NextLine();
  Task<std::string> Execute(const AdminCommand& command);
  std::string Status() const;
  std::string Begin(const AdminCommand& command);
  // Calls `look` every few milliseconds until it has an answer, and tells the peer what goes on.
  Task<std::string> Wait(absl::Duration timeout, Answer (AdminSession::*look)());
  // Whether somebody wants the wait to end now.
  Answer Interruption();
  Answer LookForQuiet();
  Answer LookForPrimary();
  std::string Commit();
  std::string Abort();

  std::string Progress() const;
  std::string PrimaryName() const;

  const Context& context_;
  const Executor executor_;
  const AdminTimes times_;
  const std::shared_ptr<AdminShared> shared_;
  AdminLines lines_;
  std::unique_ptr<Planned> planned_;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_ADMIN_SESSION_H_

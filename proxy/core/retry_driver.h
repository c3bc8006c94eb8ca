// The loop that holds a statement during a failover and repeats it afterwards.
#ifndef FAILOVER_PROXY_CORE_RETRY_DRIVER_H_
#define FAILOVER_PROXY_CORE_RETRY_DRIVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/request_context.h"
#include "failover/retry_steps.h"
#include "failover/stats.h"
#include "failover/work.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/client_socket.h"
#include "proxy/core/context.h"
#include "proxy/core/failover_wait.h"
#include "proxy/core/uncounted_work.h"

namespace proxy {

// Lets an attempt tell that the first part of the reply is here and goes to the client now. The
// statement is not repeated any more, and the Buffer does not wait for a client that reads slowly.
class ReplyNotice {
 public:
  // `steps` may be nullptr. Not owned.
  explicit ReplyNotice(failover::RetrySteps* steps) : steps_(steps) {}

  // Further calls do nothing.
  void ReplyBegan() {
    if (!began_ && steps_ != nullptr) steps_->ReplyBegan();
    began_ = true;
  }
  bool began() const { return began_; }

 private:
  failover::RetrySteps* const steps_;
  bool began_ = false;
};

// What the retry driver must know of a statement. A client's login counts as a statement, too.
class RetriedStatement {
 public:
  virtual ~RetriedStatement() = default;

  // Connects to the primary if necessary, sends the statement and passes the reply on. Before the
  // client gets the first part of the reply, Try tells `notice`. An error has not been passed on
  // yet; failover::AttemptOf(error) must say how the attempt ended. kCancelled: the client is gone,
  // or the client's connection must end without an answer.
  virtual Task<absl::Status> Try(ReplyNotice& notice) = 0;
  // Whether the Buffer may hold the statement. False inside a transaction, which is lost together
  // with its connection, so that waiting for a new primary would help nobody. Such a statement is
  // not repeated after it was refused.
  virtual bool MayBeHeld() const = 0;
  // Whether an error that is no sign of a failover still says that the statement was not executed
  // and may be sent again at once. An example is a connection that was found dead before anything
  // was sent.
  virtual bool MayRepeatAtOnce(const absl::Status& error) const = 0;
  // How many bytes of memory the statement keeps while it is held.
  virtual std::size_t bytes() const = 0;
  // Whether the statement may be sent again if the backend refuses it. So the Buffer may use it to
  // see whether the shard takes writes (RequestContext::may_probe).
  virtual bool MayComeBack() const { return true; }
  // Whether the statement certainly writes, so that its success proves that the shard takes writes.
  virtual bool Writes() const { return false; }
  // Whether this is the client's login.
  virtual bool IsLogin() const { return false; }
  // As what a planned switchover waits for the statement (failover/work.h). kTransaction: the
  // statement may begin a transaction. Asked while the statement may be held.
  virtual failover::Work work() const { return failover::Work::kStatement; }
  // Whether a transaction of the session is open now. Asked after an attempt: the work of a
  // statement that began a transaction stays counted until the transaction has ended.
  virtual bool LeavesTransaction() const { return false; }
};

// How a statement ended.
struct RetryResult {
  // OK: the client has got the whole reply.
  absl::Status error;
  // The error for which the Buffer was asked to hold the statement, or OK if there was no error. If
  // `error` comes from the Buffer, `before` tells why the statement needed the Buffer.
  absl::Status before;
};

// All calls come from the client's event loop. A RetryDriver runs one statement at a time, and all
// statements of one client.
class RetryDriver {
 public:
  // `context` is not owned.
  RetryDriver(const Context& context, const Executor& executor);

  // Runs the statement by the rules of failover::RetrySteps. The Buffer may hold the statement
  // before every attempt. Without a hold between them, there are at most three attempts. `client`
  // is watched while the statement is held: if the client leaves, the result's error is kCancelled.
  //
  // A login and the first statement behind it share one window (proxy/README.md). When what is left
  // of the window is over, the statement gets one last attempt, as at the end of any window.
  Task<RetryResult> Run(RetriedStatement& statement, ClientSocket& client);

  // A function that any thread may call, as long as the event loop lives: ends the wait of the
  // statement that is held now, and returns whether it did (FailoverWait::interrupter). The result
  // of the statement is kAborted without a payload then, and the statement was not executed.
  std::function<bool()> interrupter() const { return wait_.interrupter(); }

  // The session's transaction has ended without a statement that Run knows, for instance because
  // the client reset the session. A planned switchover does not wait for the transaction any more.
  void TransactionEnded() {
    transaction_.End();
    uncounted_.reset();
  }

 private:
  // How the Buffer held the statement that runs, or ran last.
  struct Hold {
    absl::Duration duration;
    absl::Time end = absl::InfinitePast();
    std::uint64_t epoch = 0;
    // Why the last hold ended. nullopt: for another reason than the end of the failover.
    std::optional<failover::StopReason> reason;
  };

  // nullopt means that the statement may be held now, and must be run again.
  Task<std::optional<RetryResult>> RunWithoutHold(RetriedStatement& statement);
  Task<RetryResult> RunWithHolds(RetriedStatement& statement, absl::Duration window,
                                 ClientSocket& client);
  // The attempt at the end of a window that the Buffer does not know.
  Task<absl::Status> TryLast(RetriedStatement& statement, absl::Status wait_error);
  Task<failover::RetrySteps::Step> Wait(failover::RetrySteps& steps, bool may_probe,
                                        ClientSocket& client);
  Task<failover::RetrySteps::Step> Attempt(failover::RetrySteps& steps,
                                           RetriedStatement& statement);

  // What is left of the window for the statement behind the login; infinite: all of it.
  absl::Duration TakeWindow();
  absl::Time Now() const { return context_.clock.Now(); }

  const Context& context_;
  FailoverWait wait_;
  Hold hold_;
  // The hold of the login, until the next statement runs.
  std::optional<Hold> login_hold_;
  // Counts the session's transaction as in flight, as long as the transaction is open.
  failover::WorkToken transaction_;
  // The attempt that the Buffer does not count, and then the transaction that it began.
  std::optional<UncountedWork::Entry> uncounted_;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_RETRY_DRIVER_H_

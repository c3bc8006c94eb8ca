// The loop that holds a statement during a failover and repeats it afterwards.
#ifndef FAILOVER_PROXY_CORE_RETRY_DRIVER_H_
#define FAILOVER_PROXY_CORE_RETRY_DRIVER_H_

#include <cstddef>

#include "absl/status/status.h"
#include "failover/buffer.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/client_socket.h"
#include "proxy/core/context.h"
#include "proxy/core/failover_wait.h"

namespace proxy {

// What the retry driver must know of a statement. A client's login counts as a statement, too.
class RetriedStatement {
 public:
  virtual ~RetriedStatement() = default;

  // Connects to the primary if necessary, sends the statement and passes the reply on. As soon as
  // the client gets a part of the reply, Try tells `retry` that the retry has succeeded. An error
  // has not been passed on yet. kCancelled: the client is gone, or the client's connection must end
  // without an answer.
  virtual Task<absl::Status> Try(failover::RetryDoneFunc& retry) = 0;
  // Whether the Buffer may hold the statement. False inside a transaction, which is lost together
  // with its connection, so that waiting for a new primary would help nobody.
  virtual bool MayBeHeld() const = 0;
  // Whether an error that is no sign of a failover still says that the statement was not executed
  // and may be sent again at once. An example is a connection that was found dead before anything
  // was sent.
  virtual bool MayRepeatAtOnce(const absl::Status& error) const = 0;
  // How many bytes of memory the statement keeps while it is held.
  virtual std::size_t bytes() const = 0;
};

// How a statement ended.
struct RetryResult {
  // OK: the client has got the whole reply.
  absl::Status error;
  // The error for which the Buffer was asked to hold the statement, or OK if there was no error. If
  // `error` comes from the Buffer, `before` tells why the statement needed the Buffer.
  absl::Status before;
};

// All calls come from the client's event loop. A RetryDriver runs one statement at a time.
class RetryDriver {
 public:
  // `context` is not owned.
  RetryDriver(const Context& context, const Executor& executor);

  // Tries the statement, at most three times. The Buffer holds it before the first attempt if a
  // failover is under way, and before a later one if the error was a failover's; but the Buffer
  // holds a statement at most once. `client` is watched while the statement is held: if the client
  // leaves, the result's error is kCancelled.
  Task<RetryResult> Run(RetriedStatement& statement, ClientSocket& client);

 private:
  const Context& context_;
  FailoverWait wait_;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_RETRY_DRIVER_H_

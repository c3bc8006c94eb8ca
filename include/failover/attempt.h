// How an attempt of a request ended, in one word.
//
//   buffer->WaitForFailoverEnd(context, shard, failover::Attempt::kRefused);
//   retry_done(failover::Attempt::kSucceeded);
//
// A router whose errors are exceptions, numbers or std::error_code needs no absl::Status then, and
// a refusal costs no allocation.
#ifndef FAILOVER_ATTEMPT_H_
#define FAILOVER_ATTEMPT_H_

#include <cstdint>

namespace failover {

enum class Attempt : std::uint8_t {
  // There was no attempt yet.
  kNone,
  // A failover made the server refuse the statement. The statement was certainly not executed, and
  // the router can repeat it. Never say this after a part of the reply was forwarded, for a COMMIT,
  // or for a statement inside a transaction.
  kRefused,
  // No server could be reached, or the server refused the connection, because of a failover. The
  // statement was not sent.
  kRefusedAtConnect,
  // The attempt failed for another reason than a failover, such as a duplicate key.
  kFailed,
  // The attempt succeeded.
  kSucceeded,
  // The statement was sent, and no answer came, so nobody knows whether it was executed. A COMMIT
  // without an answer is always this. Such a statement is never repeated.
  kUnknown,
};

}  // namespace failover

#endif  // FAILOVER_ATTEMPT_H_

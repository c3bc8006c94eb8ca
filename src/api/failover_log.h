// The log lines of a Buffer. They never show query text or literals: of an error they show only its
// code and the numbers of the database.
#ifndef FAILOVER_SRC_API_FAILOVER_LOG_H_
#define FAILOVER_SRC_API_FAILOVER_LOG_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "base/log.h"
#include "failover/buffer_options.h"
#include "failover/last_attempt.h"
#include "shard/effects.h"
#include "shard/shard_buffer.h"

namespace failover::internal {

// The part of an error that a log line may show: "FAILED_PRECONDITION (errno 1290) (sqlstate
// HY000)", "UNAVAILABLE (sqlstate 57P01)", or what the router said for its log (the text beside an
// Attempt). It is a copy that does not allocate, so the error itself may be gone.
class LoggableError {
 public:
  LoggableError() = default;
  explicit LoggableError(const AttemptView& last);

  // Returns an empty text if the error was OK.
  std::string ToString() const;

 private:
  absl::StatusCode code_ = absl::StatusCode::kOk;
  std::size_t size_ = 0;
  std::array<char, 80> text_;  // the first size_ bytes have a meaning
};

// Writes how the Buffer was set up.
void LogStartup(const Logger& logger, const BufferOptions& options);

// Writes which options have changed. Writes nothing if none has.
void LogReconfigured(const Logger& logger, const BufferOptions& before,
                     const BufferOptions& after) noexcept;

// Writes that a blocking wait was refused because the thread that called it polls.
void LogPollerBlocked(const Logger& logger, const ShardBuffer& shard) noexcept;

// Writes that the shard holds a request, and that the embedder does not poll.
void LogUnpolled(const Logger& logger, const ShardBuffer& shard) noexcept;

// Writes that the grace of a shutdown is over, and that so many retries are under way.
void LogRetriesLeft(const Logger& logger, std::int64_t retries) noexcept;

// Writes the facts that `effects` holds. `make_cause` says why a failover was started: it returns
// the text of a LoggableError, or an operator's reason. Calls log sinks, so it must never be called
// under a lock.
// `terms` are those by which the shard decided.
void LogEffects(const Logger& logger, const ShardTerms& terms, const ShardBuffer& shard,
                const Effects& effects, absl::FunctionRef<std::string()> make_cause) noexcept;

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_FAILOVER_LOG_H_

// The log lines of a Buffer. Query text and literals never reach them: of an error only its code
// and the numbers of the database are shown.
#ifndef FAILOVER_SRC_API_FAILOVER_LOG_H_
#define FAILOVER_SRC_API_FAILOVER_LOG_H_

#include <array>
#include <cstddef>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "failover/buffer_options.h"
#include "failover/internal/instant.h"
#include "shard/effects.h"
#include "shard/shard_buffer.h"

namespace failover::internal {

// What is left of an error in a log line: "FAILED_PRECONDITION (errno 1290) (sqlstate HY000)".
// Independent of the error, without an allocation.
class LoggableError {
 public:
  LoggableError() = default;
  explicit LoggableError(const absl::Status& error);

  // Empty if the error was OK.
  std::string ToString() const;

 private:
  absl::StatusCode code_ = absl::StatusCode::kOk;
  std::size_t size_ = 0;
  std::array<char, 40> numbers_{};
};

// How the Buffer was set up.
void LogStartup(const BufferOptions& options);

// Writes what `effects` has to tell. `make_cause` says why a failover was started: a
// LoggableError, or an operator's word. `now` tells how long a drain took. Calls log sinks: never
// under a lock.
void LogEffects(const BufferOptions& options, const ShardBuffer& shard, const Effects& effects,
                Instant now, absl::FunctionRef<std::string()> make_cause) noexcept;

}  // namespace failover::internal

#endif  // FAILOVER_SRC_API_FAILOVER_LOG_H_

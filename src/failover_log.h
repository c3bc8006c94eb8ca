// The log lines of a Buffer. Query text and literals never reach them: of an error only its code
// and the numbers of the database are shown.
#ifndef FAILOVER_SRC_FAILOVER_LOG_H_
#define FAILOVER_SRC_FAILOVER_LOG_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "effects.h"
#include "failover/buffer_options.h"
#include "shard_buffer.h"

namespace failover::internal {

// What is left of an error in a log line: "FAILED_PRECONDITION (errno 1290) (sqlstate HY000)".
std::string ErrorForLog(const absl::Status& error) noexcept;

// How the Buffer was set up.
void LogStartup(const BufferOptions& options);

// Writes what `effects` has to tell. `cause` is why a failover was started: ErrorForLog, or an
// operator's word. `now` tells how long a drain took. Calls log sinks: never under a lock.
void LogEffects(const BufferOptions& options, const ShardBuffer& shard, const Effects& effects,
                absl::Time now, std::string_view cause) noexcept;

}  // namespace failover::internal

#endif  // FAILOVER_SRC_FAILOVER_LOG_H_

// How a Status keeps the error of a database and the outcome of the statement.
//
// Thread-safety: the functions are pure; two threads must not change one Status at the same time.
#ifndef FAILOVER_SRC_OUTCOME_STATUS_PAYLOAD_H_
#define FAILOVER_SRC_OUTCOME_STATUS_PAYLOAD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "failover/export.h"
#include "failover/outcome.h"

namespace failover::internal {

// An error in the words that all databases share.
struct DatabaseError {
  // The name of the module that the error belongs to. The name must not hold a line feed.
  std::string database;
  // The number of the error; 0 if the database gives none.
  std::uint32_t number = 0;
  // A server chooses the bytes of these two, so both may hold any character.
  std::string sqlstate;
  std::string text;
};

// Adds `outcome` and `error` to `status` as one payload. `status` must not be OK.
FAILOVER_EXPORT void KeepError(absl::Status& status, Outcome outcome, const DatabaseError& error);

// The error that KeepError added to `status`, if it belongs to the module `database`.
FAILOVER_EXPORT std::optional<DatabaseError> KeptErrorOf(const absl::Status& status,
                                                         std::string_view database);

}  // namespace failover::internal

#endif  // FAILOVER_SRC_OUTCOME_STATUS_PAYLOAD_H_

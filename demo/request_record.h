// A RequestRecord is what one client saw of one of its requests.
#ifndef FAILOVER_DEMO_REQUEST_RECORD_H_
#define FAILOVER_DEMO_REQUEST_RECORD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "database.h"

namespace failover_demo {

enum class Outcome : std::uint8_t {
  kAnswered,     // The request succeeded. If it was an INSERT, the row is acknowledged.
  kRefused,      // The request failed, and was certainly not executed.
  kFateUnknown,  // The request failed, and may have been executed.
  kRowMissing,   // A SELECT did not find a row that was acknowledged before.
};

struct RequestRecord {
  absl::Duration begin;
  absl::Duration last_attempt;  // The last attempt was sent at this time.
  absl::Duration end;
  bool is_insert = false;
  RowId row = 0;
  Outcome outcome = Outcome::kAnswered;
  std::string error;  // This is the label of the error. It is empty if the request was answered.
};

// The records are in the order in which the client made its requests, one after the other.
using ClientRecord = std::vector<RequestRecord>;

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_REQUEST_RECORD_H_

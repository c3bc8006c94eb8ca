// What one client saw of its requests.
#ifndef FAILOVER_DEMO_REQUEST_RECORD_H_
#define FAILOVER_DEMO_REQUEST_RECORD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "database.h"

namespace failover_demo {

enum class Outcome : std::uint8_t {
  kAnswered,     // an INSERT: acknowledged
  kRefused,      // an error; certainly not executed
  kFateUnknown,  // an error; perhaps executed
  kRowMissing,   // a SELECT did not find a row that was acknowledged before
};

struct RequestRecord {
  absl::Duration begin;
  absl::Duration last_attempt;  // when it was sent last
  absl::Duration end;
  bool is_insert = false;
  RowId row = 0;
  Outcome outcome = Outcome::kAnswered;
  std::string error;  // its label; empty if answered
};

// In the order in which the client made them, one after the other.
using ClientRecord = std::vector<RequestRecord>;

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_REQUEST_RECORD_H_

// The audit compares what the clients were told with what is in the table.
#ifndef FAILOVER_DEMO_AUDIT_H_
#define FAILOVER_DEMO_AUDIT_H_

#include <cstdint>
#include <vector>

#include "database.h"
#include "request_record.h"

namespace failover_demo {

struct AuditResult {
  std::int64_t acknowledged = 0;     // These rows must be there exactly once.
  std::int64_t unknown_present = 0;  // A row of unknown fate may be there or not.
  std::int64_t unknown_absent = 0;

  // All counts from here on must be zero.
  std::int64_t lost = 0;             // These rows were acknowledged and are not there.
  std::int64_t doubled = 0;          // These rows are there more than once.
  std::int64_t refused_present = 0;  // These rows were refused and are there nevertheless.
  std::int64_t strangers = 0;        // No client wrote these rows.
  std::int64_t unseen = 0;           // These SELECTs missed an acknowledged row.

  bool ok() const {
    return lost == 0 && doubled == 0 && refused_present == 0 && strangers == 0 && unseen == 0;
  }
};

AuditResult Audit(const std::vector<ClientRecord>& clients, const std::vector<RowId>& table);

}  // namespace failover_demo

#endif  // FAILOVER_DEMO_AUDIT_H_

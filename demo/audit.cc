#include "audit.h"

#include <unordered_map>

namespace failover_demo {
namespace {

void CountInsert(Outcome outcome, bool present, AuditResult& result) {
  switch (outcome) {
    case Outcome::kAnswered:
      ++result.acknowledged;
      if (!present) ++result.lost;
      break;
    case Outcome::kRefused:
      if (present) ++result.refused_present;
      break;
    case Outcome::kFateUnknown:
      ++(present ? result.unknown_present : result.unknown_absent);
      break;
    case Outcome::kRowMissing:  // An INSERT never has this outcome.
      break;
  }
}

}  // namespace

AuditResult Audit(const std::vector<ClientRecord>& clients, const std::vector<RowId>& table) {
  std::unordered_map<RowId, int> times;
  for (const RowId row : table) ++times[row];

  AuditResult result;
  for (const auto& [row, count] : times) {
    if (count > 1) ++result.doubled;
  }
  for (const ClientRecord& client : clients) {
    for (const RequestRecord& request : client) {
      if (request.outcome == Outcome::kRowMissing) ++result.unseen;
      if (request.is_insert) CountInsert(request.outcome, times.erase(request.row) > 0, result);
    }
  }
  result.strangers = static_cast<std::int64_t>(times.size());
  return result;
}

}  // namespace failover_demo

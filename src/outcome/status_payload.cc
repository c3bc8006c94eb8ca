#include "outcome/status_payload.h"

#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace failover {
namespace {

// The payload begins with four lines: the outcome, the database, the number, and the length of the
// SQLSTATE. The SQLSTATE and the text follow without a separator, because both may hold any byte.
constexpr char kPayload[] = "failover/statement-error";

constexpr std::array<Outcome, 4> kOutcomes = {Outcome::kNotExecuted, Outcome::kRolledBack,
                                              Outcome::kFailed, Outcome::kUnknown};

// Cuts the first line off `text`.
std::string TakeLine(std::string& text) {
  const std::size_t end = text.find('\n');
  std::string line = text.substr(0, end);
  text.erase(0, end == std::string::npos ? end : end + 1);
  return line;
}

std::optional<internal::DatabaseError> Unpack(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return std::nullopt;
  std::string rest(*payload);
  internal::DatabaseError error;
  TakeLine(rest);
  error.database = TakeLine(rest);
  if (!absl::SimpleAtoi(TakeLine(rest), &error.number)) return std::nullopt;
  std::size_t sqlstate_size = 0;
  if (!absl::SimpleAtoi(TakeLine(rest), &sqlstate_size)) return std::nullopt;
  error.sqlstate = rest.substr(0, sqlstate_size);
  error.text = rest.substr(error.sqlstate.size());
  return error;
}

}  // namespace

const char* ToString(Outcome outcome) {
  switch (outcome) {
    case Outcome::kNotExecuted:
      return "NotExecuted";
    case Outcome::kRolledBack:
      return "RolledBack";
    case Outcome::kFailed:
      return "Failed";
    case Outcome::kUnknown:
      return "Unknown";
  }
  return "?";
}

std::optional<Outcome> OutcomeOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return std::nullopt;
  for (const Outcome outcome : kOutcomes) {
    // No name begins with another name, so the line feed behind the name need not be looked at.
    if (payload->StartsWith(ToString(outcome))) return outcome;
  }
  return Outcome::kUnknown;
}

namespace internal {

void KeepError(absl::Status& status, Outcome outcome, const DatabaseError& error) {
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(ToString(outcome), "\n", error.database, "\n",
                                                      error.number, "\n", error.sqlstate.size(),
                                                      "\n", error.sqlstate, error.text)));
}

std::optional<DatabaseError> KeptErrorOf(const absl::Status& status, std::string_view database) {
  std::optional<DatabaseError> kept = Unpack(status);
  if (!kept.has_value() || kept->database != database) return std::nullopt;
  return kept;
}

}  // namespace internal
}  // namespace failover

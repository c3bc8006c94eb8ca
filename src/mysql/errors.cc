#include "failover/mysql/errors.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "failover/errors.h"
#include "mysql/default_rules.h"

namespace failover::mysql {
namespace {

// The payload: lines with the outcome, the number and the length of the SQLSTATE, and then the
// SQLSTATE, of which a server may have made anything, and the text.
constexpr char kPayload[] = "failover/mysql-error";

constexpr std::array<Outcome, 4> kOutcomes = {Outcome::kNotExecuted, Outcome::kRolledBack,
                                              Outcome::kFailed, Outcome::kUnknown};

bool ContainsIgnoreCase(std::string_view text, std::string_view part) {
  const auto same_letter = [](char a, char b) {
    return absl::ascii_tolower(static_cast<unsigned char>(a)) ==
           absl::ascii_tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same_letter) != text.end();
}

bool MadeByClientLibrary(std::uint32_t number) {
  return number == 0 || (number >= 2000 && number < 3000) || (number >= 5000 && number < 6000);
}

Rule RuleFor(const std::vector<Rule>& rules, const MysqlError& error) {
  for (const Rule& rule : rules) {
    if (rule.number != error.number) continue;
    if (rule.text.empty() || ContainsIgnoreCase(error.text, rule.text)) return rule;
  }
  Rule other;
  other.when_sent = MadeByClientLibrary(error.number) ? Outcome::kUnknown : Outcome::kFailed;
  return other;
}

Outcome OutcomeFor(const Rule& rule, const StatementState& statement) {
  if (statement.send_state == SendState::kNotSent) return Outcome::kNotExecuted;
  // What was refused is not what the client has had an answer for, or what went before in the same
  // packet.
  const bool partly = statement.send_state == SendState::kReplyStarted || statement.compound;
  if (partly && rule.when_sent == Outcome::kNotExecuted) return Outcome::kUnknown;
  return rule.when_sent;
}

bool MeansFailover(const Rule& rule, const StatementState& statement) {
  switch (rule.sign) {
    case FailoverSign::kNo:
      return false;
    case FailoverSign::kYes:
      return true;
    case FailoverSign::kUnlessReadOnlyRequested:
      return !statement.read_only_requested;
  }
  return false;
}

// In front the numbers as a Buffer looks for them when it logs an error without its text.
std::string MessageOf(const MysqlError& error) {
  std::string message = absl::StrCat("MySQL error (errno ", error.number, ")");
  if (!error.sqlstate.empty()) absl::StrAppend(&message, " (sqlstate ", error.sqlstate, ")");
  absl::StrAppend(&message, ": ", error.text);
  return message;
}

// Not kInternal nor kFailedPrecondition: failover::CausedByFailover would look at the text of
// these.
absl::StatusCode CodeOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kNotExecuted:
      return absl::StatusCode::kUnavailable;
    case Outcome::kRolledBack:
      return absl::StatusCode::kAborted;
    case Outcome::kFailed:
    case Outcome::kUnknown:
      return absl::StatusCode::kUnknown;
  }
  return absl::StatusCode::kUnknown;
}

// Cuts the first line off `text`.
std::string TakeLine(std::string& text) {
  const std::size_t end = text.find('\n');
  std::string line = text.substr(0, end);
  text.erase(0, end == std::string::npos ? end : end + 1);
  return line;
}

struct Kept {
  Outcome outcome = Outcome::kUnknown;
  MysqlError error;
};

absl::Cord Pack(Outcome outcome, const MysqlError& error) {
  return absl::Cord(absl::StrCat(ToString(outcome), "\n", error.number, "\n", error.sqlstate.size(),
                                 "\n", error.sqlstate, error.text));
}

std::optional<Kept> Unpack(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return std::nullopt;
  std::string rest(*payload);
  Kept kept;
  const std::string name = TakeLine(rest);
  for (const Outcome outcome : kOutcomes) {
    if (name == ToString(outcome)) kept.outcome = outcome;
  }
  if (!absl::SimpleAtoi(TakeLine(rest), &kept.error.number)) return std::nullopt;
  std::size_t sqlstate_size = 0;
  if (!absl::SimpleAtoi(TakeLine(rest), &sqlstate_size)) return std::nullopt;
  kept.error.sqlstate = rest.substr(0, sqlstate_size);
  kept.error.text = rest.substr(kept.error.sqlstate.size());
  return kept;
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

ErrorClassifier::ErrorClassifier() : rules_(internal::DefaultRules()) {}

void ErrorClassifier::Add(Rule rule) { rules_.insert(rules_.begin(), std::move(rule)); }

absl::Status ErrorClassifier::ToStatus(const MysqlError& error,
                                       const StatementState& statement) const {
  const Rule rule = RuleFor(rules_, error);
  const Outcome outcome = OutcomeFor(rule, statement);
  absl::Status status(CodeOf(outcome), MessageOf(error));
  status.SetPayload(kPayload, Pack(outcome, error));
  if (outcome == Outcome::kNotExecuted && !statement.in_transaction &&
      MeansFailover(rule, statement)) {
    return MarkCausedByFailover(std::move(status));
  }
  return status;
}

absl::Status ToStatus(const MysqlError& error, const StatementState& statement) {
  static const auto* const classifier = new ErrorClassifier;
  return classifier->ToStatus(error, statement);
}

std::optional<MysqlError> MysqlErrorOf(const absl::Status& status) {
  std::optional<Kept> kept = Unpack(status);
  if (!kept.has_value()) return std::nullopt;
  return std::move(kept->error);
}

std::optional<Outcome> OutcomeOf(const absl::Status& status) {
  const std::optional<Kept> kept = Unpack(status);
  if (!kept.has_value()) return std::nullopt;
  return kept->outcome;
}

}  // namespace failover::mysql

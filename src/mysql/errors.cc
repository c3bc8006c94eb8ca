#include "failover/mysql/errors.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "mysql/default_rules.h"
#include "mysql/error_texts.h"
#include "outcome/judge.h"
#include "outcome/status_payload.h"

namespace failover::mysql {
namespace {

using failover::internal::DatabaseError;
using failover::internal::Verdict;

// Tells the errors of this module from those of other databases in the payload of a Status.
constexpr char kDatabase[] = "mysql";

bool MadeByClientLibrary(std::uint32_t number) {
  return number == 0 || (number >= 2000 && number < 3000) || (number >= 5000 && number < 6000);
}

bool Fits(const Rule& rule, const MysqlError& error) {
  if (rule.number != error.number) return false;
  if (!failover::internal::ContainsIgnoreCase(error.text, rule.text)) return false;
  return rule.fits == nullptr || rule.fits(error);
}

Verdict VerdictOn(const std::vector<Rule>& rules, const MysqlError& error) {
  if (internal::IsRaisedByUser(error)) return {Outcome::kFailed, FailoverSign::kNo};
  for (const Rule& rule : rules) {
    if (Fits(rule, error)) return {rule.when_sent, rule.sign};
  }
  return {MadeByClientLibrary(error.number) ? Outcome::kUnknown : Outcome::kFailed,
          FailoverSign::kNo};
}

// The numbers stand in front of the text, in the form that a Buffer looks for when it logs an error
// without its text.
std::string MessageOf(const MysqlError& error) {
  std::string message = absl::StrCat("MySQL error (errno ", error.number, ")");
  if (!error.sqlstate.empty()) absl::StrAppend(&message, " (sqlstate ", error.sqlstate, ")");
  absl::StrAppend(&message, ": ", error.text);
  return message;
}

}  // namespace

ErrorClassifier::ErrorClassifier() : rules_(internal::DefaultRules()) {}

void ErrorClassifier::Add(Rule rule) { rules_.insert(rules_.begin(), std::move(rule)); }

absl::Status ErrorClassifier::ToStatus(const MysqlError& error,
                                       const StatementState& statement) const {
  return failover::internal::Judge({kDatabase, error.number, error.sqlstate, error.text},
                                   MessageOf(error), VerdictOn(rules_, error), statement);
}

absl::Status ToStatus(const MysqlError& error, const StatementState& statement) {
  static const auto* const classifier = new ErrorClassifier;
  return classifier->ToStatus(error, statement);
}

std::optional<MysqlError> MysqlErrorOf(const absl::Status& status) {
  std::optional<DatabaseError> kept = failover::internal::KeptErrorOf(status, kDatabase);
  if (!kept.has_value()) return std::nullopt;
  return MysqlError{kept->number, std::move(kept->sqlstate), std::move(kept->text)};
}

}  // namespace failover::mysql

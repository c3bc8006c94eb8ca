#include "failover/postgres/errors.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "outcome/judge.h"
#include "outcome/local_trouble.h"
#include "outcome/status_payload.h"
#include "postgres/default_rules.h"

namespace failover::postgres {
namespace {

using failover::internal::DatabaseError;
using failover::internal::Verdict;

// Tells the errors of this module from those of other databases in the payload of a Status.
constexpr char kDatabase[] = "postgres";

struct Word {
  const char* word;
  Severity severity;
};

constexpr std::array<Word, 8> kWords = {{
    {"ERROR", Severity::kError},
    {"FATAL", Severity::kFatal},
    {"PANIC", Severity::kPanic},
    {"WARNING", Severity::kWarning},
    {"NOTICE", Severity::kNotice},
    {"INFO", Severity::kNotice},
    {"LOG", Severity::kNotice},
    {"DEBUG", Severity::kNotice},
}};

const char* NameOf(Severity severity) {
  if (severity == Severity::kUnknown) return "error";
  for (const Word& word : kWords) {
    if (word.severity == severity) return word.word;
  }
  return "error";
}

// The functions of PostgreSQL and of its extensions that make an error with the SQLSTATE of
// somebody else: RAISE of PL/pgSQL, plpy.error of PL/Python, and the errors that another server
// gave to postgres_fdw and to dblink.
constexpr std::array<std::string_view, 4> kRoutinesOfOthers = {
    "exec_stmt_raise", "PLy_elog_impl", "pgfdw_report_error", "dblink_res_error"};

bool IsOfSomebodyElse(Severity severity, const PostgresError& error) {
  return severity == Severity::kError &&
         std::find(kRoutinesOfOthers.begin(), kRoutinesOfOthers.end(), error.routine) !=
             kRoutinesOfOthers.end();
}

// The severity, if the error came in the kind of message that belongs to this severity.
Severity CheckedSeverity(const PostgresError& error) {
  const bool is_error = error.severity >= Severity::kError;
  switch (error.source) {
    case Source::kErrorResponse:
      return is_error ? error.severity : Severity::kUnknown;
    case Source::kNoticeResponse:
      return is_error ? Severity::kUnknown : error.severity;
    case Source::kConnectionLost:
    case Source::kConnectFailed:
      return Severity::kUnknown;
  }
  return Severity::kUnknown;
}

bool Fits(const Rule& rule, Severity severity, const PostgresError& error) {
  return rule.severity == severity && absl::StartsWith(error.sqlstate, rule.sqlstate) &&
         failover::internal::ContainsIgnoreCase(error.text, rule.text);
}

// The verdict on an error that no rule fits.
Verdict VerdictWithoutRule(Severity severity, const PostgresError& error) {
  if (error.source == Source::kConnectFailed) {
    const bool local = failover::internal::NamesLocalTrouble(error.text);
    return {Outcome::kUnknown, local ? FailoverSign::kNo : FailoverSign::kForAnyStatement};
  }
  return {severity == Severity::kError ? Outcome::kFailed : Outcome::kUnknown, FailoverSign::kNo};
}

Verdict VerdictOn(const std::vector<Rule>& rules, Severity severity, const PostgresError& error,
                  SendState send_state) {
  if (IsOfSomebodyElse(severity, error)) return {Outcome::kFailed, FailoverSign::kNo};
  for (const Rule& rule : rules) {
    if (!Fits(rule, severity, error)) continue;
    const bool is_sign = !rule.sign_only_if_sent || send_state != SendState::kNotSent;
    return {rule.when_sent, is_sign ? rule.sign : FailoverSign::kNo};
  }
  return VerdictWithoutRule(severity, error);
}

// A FATAL says only that the session did not go on. That proves nothing about a statement whose
// reply has begun. A prepared transaction waits for a synchronous standby like a commit, but nobody
// has proven that the rules of a commit hold for it.
bool IsNoProof(Severity severity, const Statement& statement) {
  return severity == Severity::kFatal &&
         (statement.reply_begun || statement.kind == StatementKind::kTwoPhase);
}

// What the verdict means for this kind of statement. Judge does the rest.
Outcome OutcomeFor(Outcome when_sent, Severity severity, const Statement& statement) {
  Outcome outcome = when_sent;
  if (outcome == Outcome::kNotExecuted && IsNoProof(severity, statement)) {
    outcome = Outcome::kUnknown;
  }
  // What the statement committed before is not rolled back.
  if (outcome == Outcome::kRolledBack && statement.kind == StatementKind::kMayCommitInside) {
    outcome = Outcome::kUnknown;
  }
  const bool begins = statement.kind == StatementKind::kBegin && !statement.in_transaction;
  return begins && outcome == Outcome::kUnknown ? Outcome::kNotExecuted : outcome;
}

StatementState StateForJudge(const Statement& statement) {
  StatementState state;
  state.send_state = statement.send_state;
  state.in_transaction = statement.in_transaction || statement.kind == StatementKind::kCommit ||
                         statement.kind == StatementKind::kTwoPhase;
  state.read_only_requested = statement.read_only_requested;
  state.compound = statement.kind == StatementKind::kMayCommitInside;
  return state;
}

// The number of an error in the payload of a Status: PostgreSQL has none, and these two are small.
std::uint32_t Pack(const PostgresError& error) {
  return static_cast<std::uint32_t>(error.source) << 8 | static_cast<std::uint32_t>(error.severity);
}

std::string MessageOf(const PostgresError& error) {
  std::string message = absl::StrCat("PostgreSQL ", NameOf(error.severity));
  if (!error.sqlstate.empty()) absl::StrAppend(&message, " (sqlstate ", error.sqlstate, ")");
  absl::StrAppend(&message, ": ", error.text);
  return message;
}

}  // namespace

Severity SeverityOf(std::string_view field_v) {
  for (const Word& word : kWords) {
    if (field_v == word.word) return word.severity;
  }
  return Severity::kUnknown;
}

ErrorClassifier::ErrorClassifier() : rules_(internal::DefaultRules()) {}

void ErrorClassifier::Add(Rule rule) { rules_.insert(rules_.begin(), std::move(rule)); }

absl::Status ErrorClassifier::ToStatus(const PostgresError& error,
                                       const Statement& statement) const {
  const Severity severity = CheckedSeverity(error);
  Verdict verdict = VerdictOn(rules_, severity, error, statement.send_state);
  verdict.when_sent = OutcomeFor(verdict.when_sent, severity, statement);
  return failover::internal::Judge({kDatabase, Pack(error), error.sqlstate, error.text},
                                   MessageOf(error), verdict, StateForJudge(statement));
}

absl::Status ToStatus(const PostgresError& error, const Statement& statement) {
  static const auto* const classifier = new ErrorClassifier;
  return classifier->ToStatus(error, statement);
}

std::optional<PostgresError> PostgresErrorOf(const absl::Status& status) {
  std::optional<DatabaseError> kept = failover::internal::KeptErrorOf(status, kDatabase);
  if (!kept.has_value()) return std::nullopt;
  PostgresError error;
  error.source = static_cast<Source>(kept->number >> 8);
  error.severity = static_cast<Severity>(kept->number & 0xff);
  error.sqlstate = std::move(kept->sqlstate);
  error.text = std::move(kept->text);
  return error;
}

}  // namespace failover::postgres

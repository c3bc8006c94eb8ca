#include "proxy/postgres/session/session_state.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace postgres_proxy {
namespace {

using Kind = SessionChange::Kind;

constexpr std::array<const char*, kUnmovables> kNames = {
    "its temporary tables",
    "its advisory locks",
    "its LISTEN registrations and the notifications since",
    "its cursors WITH HOLD",
    "settings that a function made or that were partly undone",
    "what DO, CALL or a statement that the proxy cannot judge may have left in the session",
};

// The reported values that a client can set.
constexpr std::array<const char*, 6> kSettable = {"client_encoding", "application_name",
                                                  "DateStyle",       "IntervalStyle",
                                                  "TimeZone",        "standard_conforming_strings"};

}  // namespace

void SessionState::Connected(const Reported& at_login, const Reported& restored) {
  status_ = 'I';
  failed_ = false;
  EndTransaction(/*committed=*/false);
  at_login_ = at_login;
  at_rest_ = reported_ = restored;
  rest_changed_ = false;
}

void SessionState::LearnParameter(std::string_view name, std::string_view value) {
  reported_[std::string(name)] = value;
  rest_changed_ = true;
}

void SessionState::Succeeded(const StatementTraits& traits, std::string_view tag) {
  // A COMMIT of a transaction that has failed answers ROLLBACK. A ROLLBACK TO does so, too.
  const bool to_savepoint =
      std::any_of(traits.changes.begin(), traits.changes.end(),
                  [](const SessionChange& change) { return change.kind == Kind::kSavepoint; });
  if (to_savepoint) {
    if (!pending_.empty()) Set(Unmovable::kSettings, true);
    return;
  }
  if (tag == "COMMIT") EndTransaction(/*committed=*/true);
  if (tag == "ROLLBACK") EndTransaction(/*committed=*/false);
  for (const SessionChange& change : traits.changes) {
    switch (change.kind) {
      case Kind::kHas:
      case Kind::kSavepoint:
        break;
      case Kind::kRemember:
      case Kind::kForget:
      case Kind::kForgetAll:
        AddPending(change);
        break;
      default:
        Apply(change);
        break;
    }
  }
}

void SessionState::Executed(const StatementTraits& traits) {
  if (traits.read_only_requested) read_only_transaction_ = true;
  for (const SessionChange& change : traits.changes) {
    if (change.kind == Kind::kHas) Set(change.what, true);
  }
  const bool may_be_gone = Has(Unmovable::kTemporary) || Has(Unmovable::kAdvisoryLock) ||
                           Has(Unmovable::kListen) || Has(Unmovable::kHeldCursor);
  if (traits.calls_unknown || may_be_gone) wants_look_ = true;
}

void SessionState::Looked(const Leftovers& found) {
  Set(Unmovable::kTemporary, found.temporary);
  Set(Unmovable::kAdvisoryLock, found.advisory_lock);
  Set(Unmovable::kListen, found.listens);
  Set(Unmovable::kHeldCursor, found.held_cursor);
  wants_look_ = false;
}

void SessionState::AddPending(const SessionChange& change) {
  pending_bytes_ += sizeof change + change.key.size() + change.text.size();
  if (pending_bytes_ > max_bytes_) {
    pending_overflown_ = true;
  } else {
    pending_.push_back(change);
  }
}

void SessionState::EndTransaction(bool committed) {
  if (committed) {
    for (const SessionChange& change : pending_) Apply(change);
    if (pending_overflown_) Set(Unmovable::kSettings, true);
  }
  pending_.clear();
  pending_bytes_ = 0;
  pending_overflown_ = false;
  read_only_transaction_ = false;
}

void SessionState::Ready(char status) {
  status_ = status;
  if (status == 'I') {
    EndTransaction(!failed_);
    if (std::exchange(rest_changed_, false)) at_rest_ = reported_;
  }
  failed_ = false;
}

void SessionState::Apply(const SessionChange& change) {
  switch (change.kind) {
    case Kind::kHas:
      Set(change.what, true);
      break;
    case Kind::kHasNoMore:
      Set(change.what, false);
      break;
    case Kind::kRemember:
      Remember(change, false);
      break;
    case Kind::kRememberName:
      Remember(change, true);
      break;
    case Kind::kForget:
      Forget(change.key, false);
      break;
    case Kind::kForgetName:
      Forget(change.key, true);
      break;
    case Kind::kForgetAll:
    case Kind::kForgetNames:
    case Kind::kDiscardAll: {
      const bool all = change.kind == Kind::kDiscardAll;
      const bool names = change.kind == Kind::kForgetNames;
      settings_.erase(
          std::remove_if(settings_.begin(), settings_.end(),
                         [&](const Setting& setting) { return all || setting.is_name == names; }),
          settings_.end());
      bytes_ = 0;
      for (const Setting& setting : settings_) bytes_ += setting.key.size() + setting.text.size();
      if (all) has_.reset();
      break;
    }
    case Kind::kSavepoint:
      break;
  }
}

void SessionState::Remember(const SessionChange& change, bool is_name) {
  Forget(change.key, is_name);
  bytes_ += change.key.size() + change.text.size();
  if (bytes_ > max_bytes_) {
    Set(Unmovable::kSettings, true);
    bytes_ -= change.key.size() + change.text.size();
    return;
  }
  settings_.push_back({change.key, change.text, is_name});
}

void SessionState::Forget(std::string_view key, bool is_name) {
  const auto found = std::find_if(settings_.begin(), settings_.end(), [&](const Setting& setting) {
    return setting.key == key && setting.is_name == is_name;
  });
  if (found == settings_.end()) return;
  bytes_ -= found->key.size() + found->text.size();
  settings_.erase(found);
}

void SessionState::TransactionLost() {
  status_ = 'I';
  failed_ = false;
  EndTransaction(/*committed=*/false);
  reported_ = at_rest_;
  rest_changed_ = false;
}

std::string SessionState::Unmovables() const {
  std::vector<std::string> lost;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (has_.test(i)) lost.emplace_back(kNames[i]);
  }
  return absl::StrJoin(lost, ", ");
}

std::vector<std::string> SessionState::RestoreStatements() const {
  std::vector<std::string> statements;
  for (const Setting& setting : settings_) statements.push_back(setting.text);
  return statements;
}

std::vector<std::string> SessionState::RestoreReported(const Reported& reported) const {
  std::vector<std::string> statements;
  for (const char* const name : kSettable) {
    const auto mine = at_rest_.find(name);
    const auto first = at_login_.find(name);
    const auto theirs = reported.find(name);
    if (mine == at_rest_.end() || first == at_login_.end() || theirs == reported.end()) continue;
    if (mine->second == first->second || mine->second == theirs->second) continue;
    // A text of this form means the same whatever standard_conforming_strings says.
    statements.push_back(
        absl::StrCat("SET ", name, " TO E'",
                     absl::StrReplaceAll(mine->second, {{"'", "''"}, {"\\", "\\\\"}}), "'"));
  }
  return statements;
}

void SessionState::ForgetSettings() {
  settings_.clear();
  bytes_ = 0;
  at_rest_ = at_login_;
}

std::string SessionState::ReportedValue(const std::string& name) const {
  const auto found = reported_.find(name);
  return found == reported_.end() ? std::string() : found->second;
}

bool SessionState::read_only_requested() const {
  return read_only_transaction_ || ReportedValue("default_transaction_read_only") == "on";
}

TextRules SessionState::text_rules() const {
  TextRules rules;
  const std::string encoding = ReportedValue("client_encoding");
  rules.grammar_fits = ReportedValue("standard_conforming_strings") != "off" &&
                       (encoding.empty() || encoding == "UTF8" || encoding == "SQL_ASCII" ||
                        absl::StartsWith(encoding, "LATIN"));
  return rules;
}

}  // namespace postgres_proxy

#include "proxy/postgres/sql/statement_traits.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "proxy/postgres/sql/known_functions.h"
#include "proxy/postgres/sql/parse_tree.h"

namespace postgres_proxy {
namespace {

using failover::postgres::StatementKind;
using Kind = SessionChange::Kind;

bool ContainsIgnoreCase(std::string_view text, std::string_view lower_word) {
  const auto same = [](char a, char b) {
    return absl::ascii_tolower(static_cast<unsigned char>(a)) == b;
  };
  return std::search(text.begin(), text.end(), lower_word.begin(), lower_word.end(), same) !=
         text.end();
}

bool StartsWithWord(std::string_view text, std::string_view lower_word) {
  return text.size() > lower_word.size() &&
         absl::StartsWithIgnoreCase(absl::string_view(text.data(), text.size()),
                                    absl::string_view(lower_word.data(), lower_word.size())) &&
         absl::ascii_isspace(static_cast<unsigned char>(text[lower_word.size()]));
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f\v";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

StatementTraits AnythingAtAll() {
  StatementTraits traits;
  traits.kind = StatementKind::kMayCommitInside;
  traits.calls_unknown = true;
  traits.changes.push_back({Kind::kHas, Unmovable::kUnjudged});
  return traits;
}

// A text without any of these needs no grammar, if it begins with one of four words: it is one
// statement that leaves nothing in the session, unless a function does. A word inside a string
// costs nothing but time.
constexpr std::array<std::string_view, 11> kSuspicious = {
    "temp",   "into",   "advisory", "set_config", "setseed", "dblink",
    "backup", "_start", "u&",       "snapshot",   "slot"};

// Judges the statements that make up nearly all of the traffic, without a parse tree.
bool JudgePlain(std::string_view text, StatementTraits& traits) {
  std::string_view body = Trimmed(text);
  if (!body.empty() && body.back() == ';') body.remove_suffix(1);
  if (body.find(';') != std::string_view::npos) return false;
  const bool inserts = StartsWithWord(body, "insert");
  const bool writes = inserts || StartsWithWord(body, "update") || StartsWithWord(body, "delete");
  if (!writes && !StartsWithWord(body, "select")) return false;
  std::string_view rest = body;
  if (inserts) {
    // INSERT INTO is no SELECT INTO.
    rest = Trimmed(rest.substr(std::string_view("insert").size()));
    if (!StartsWithWord(rest, "into")) return false;
    rest.remove_prefix(std::string_view("into").size());
  }
  for (const std::string_view word : kSuspicious) {
    if (ContainsIgnoreCase(rest, word)) return false;
  }
  traits.writes = writes;
  traits.calls_unknown = MayCallUnknownFunction(body);
  return true;
}

}  // namespace

std::vector<StatementTraits> JudgeText(std::string_view text, const TextRules& rules) {
  StatementTraits plain;
  if (JudgePlain(text, plain)) return {plain};
  if (!rules.grammar_fits) return {AnythingAtAll()};
  std::optional<std::vector<StatementTraits>> judged = JudgeByGrammar(text);
  if (judged.has_value()) return *std::move(judged);
  return {AnythingAtAll()};
}

StatementKind KindOfAll(const std::vector<const StatementTraits*>& statements) {
  if (statements.size() == 1) return statements.front()->kind;
  const bool transactional =
      std::all_of(statements.begin(), statements.end(), [](const StatementTraits* traits) {
        return traits->kind == StatementKind::kSingle && traits->control == Control::kNone;
      });
  if (!transactional) return StatementKind::kMayCommitInside;
  return statements.empty() ? StatementKind::kSingle : StatementKind::kPipeline;
}

}  // namespace postgres_proxy

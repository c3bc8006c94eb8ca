#include "proxy/mysql/protocol/sql_scan.h"

#include <algorithm>
#include <cstddef>

namespace mysql_proxy {
namespace {

// Whether the phrase of two words is `first` and `second`.
bool IsPair(std::string_view first, std::string_view second, std::string_view phrase) {
  return phrase.size() == first.size() + 1 + second.size() && phrase[first.size()] == ' ' &&
         IsWord(first, phrase.substr(0, first.size())) &&
         IsWord(second, phrase.substr(first.size() + 1));
}

// Reads one text once, and collects its signs.
class Scanner {
 public:
  Scanner(std::string_view sql, const TextRules& text_rules, const SqlRules& rules, Reading reading)
      : lexer_(sql, text_rules, reading), rules_(rules) {
    if (reading == Reading::kAsServer) return;
    signs_ |= sign::kInDoubt;
    // Whether a server executes such a comment depends on the server's kind and version.
    if (ContainsExecutableComment(sql)) signs_ |= sign::kSeveral;
  }

  Signs Scan() {
    for (Token token = lexer_.Next(); token.kind != TokenKind::kEnd; token = lexer_.Next()) {
      if (statement_ended_) signs_ |= sign::kSeveral;
      Look(token);
      in_system_variable_ = MayNameSystemVariable(token);
    }
    LookAtStart();
    for (const TraitRule& rule : rules_.traits) {
      if ((signs_ & rule.all) == rule.all && (signs_ & rule.none) == 0) signs_ |= rule.trait;
    }
    return signs_;
  }

  // Whether the server may read more, or other, words than the scanner.
  bool in_doubt() const { return lexer_.in_doubt(); }

 private:
  void Look(const Token& token) {
    if (token.kind == TokenKind::kWord) {
      LookAtWord(token.text);
    } else if (token.kind == TokenKind::kQuoted) {
      LookAtName(token.text, /*is_word=*/false);
    } else if (token.kind == TokenKind::kUserVariable) {
      signs_ |= sign::kUserVariable;
    } else if (token.kind == TokenKind::kSymbol && token.text == ",") {
      signs_ |= sign::kComma;
    }
    if (token.kind != TokenKind::kWord && (signs_ & sign::kHasWord) != 0) start_over_ = true;
    const bool ends = token.kind == TokenKind::kSymbol && token.text == ";";
    const bool opens = token.kind == TokenKind::kSymbol && token.text == "(";
    if (ends) statement_ended_ = true;
    if ((signs_ & sign::kHasWord) == 0 && !ends && !opens) signs_ |= sign::kOddStart;
  }

  void LookAtWord(std::string_view word) {
    if ((signs_ & sign::kHasWord) == 0) {
      first_ = word;
    } else if (second_.empty() && !start_over_) {
      second_ = word;
    }
    signs_ |= sign::kHasWord;
    behind_for_ = !for_seen_ && IsWord(previous_, "FOR");
    for_seen_ = for_seen_ || behind_for_;
    LookAtName(word, /*is_word=*/true);
    previous_ = word;
  }

  void LookAtName(std::string_view name, bool is_word) {
    if (name.empty()) return;
    const Initials initial = InitialOf(name.front());
    for (const WordRule& rule : rules_.words) {
      if ((rule.initials & initial) == 0) continue;
      if (!MayStandHere(rule.where, is_word)) continue;
      for (const std::string_view phrase : rule.phrases) {
        if (Matches(name, phrase, rule.where)) signs_ |= rule.signs;
      }
    }
  }

  bool MayStandHere(Where where, bool is_word) const {
    switch (where) {
      case Where::kName:
      case Where::kNameBegin:
        return true;
      case Where::kSystemVariable:
        return in_system_variable_;
      case Where::kWord:
        return is_word;
      case Where::kWordInDoubt:
        return is_word && (signs_ & sign::kInDoubt) != 0;
      case Where::kBehindFor:
        return is_word && behind_for_;
      case Where::kStart:
      case Where::kCertainStart:
        break;
    }
    return false;
  }

  bool Matches(std::string_view name, std::string_view phrase, Where where) const {
    if (where == Where::kNameBegin) name = name.substr(0, phrase.size());
    return IsWord(name, phrase) || (where == Where::kWord && IsPair(previous_, name, phrase));
  }

  void LookAtStart() {
    for (const WordRule& rule : rules_.starts) {
      if (rule.where == Where::kCertainStart && (signs_ & sign::kInDoubt) != 0) continue;
      for (const std::string_view phrase : rule.phrases) {
        if (IsWord(first_, phrase) || IsPair(first_, second_, phrase)) signs_ |= rule.signs;
      }
    }
  }

  // Whether the next name is that of a system variable: between "@@" and the name may stand a
  // scope and a dot. A backquote is a symbol with Reading::kEveryWord.
  bool MayNameSystemVariable(const Token& token) const {
    static constexpr std::string_view kScopes[] = {"SESSION", "LOCAL", "GLOBAL", ".", "`"};
    if (token.kind == TokenKind::kSystemVariable) return true;
    return in_system_variable_ &&
           std::any_of(std::begin(kScopes), std::end(kScopes),
                       [&token](std::string_view scope) { return IsWord(token.text, scope); });
  }

  SqlLexer lexer_;
  const SqlRules& rules_;
  Signs signs_ = 0;
  std::string_view first_;     // The first word.
  std::string_view second_;    // The second word, if nothing stands between the two.
  std::string_view previous_;  // The word before the token at hand.
  bool start_over_ = false;    // Something that is no word came behind the first word.
  bool in_system_variable_ = false;
  bool statement_ended_ = false;  // A semicolon came.
  bool for_seen_ = false;         // A word came behind a FOR.
  bool behind_for_ = false;       // The word at hand is the first behind a FOR.
};

SqlTraits TraitsOf(Signs signs) {
  const auto has = [signs](Signs trait) { return (signs & trait) != 0; };
  SqlTraits traits;
  traits.compound = has(sign::kCompound);
  traits.uses_connection_state = has(sign::kUsesConnectionState);
  traits.reads_insert_id = has(sign::kReadsInsertId);
  traits.reads_last_result = has(sign::kReadsLastResult);
  traits.sets_names_with_collation = has(sign::kSetsNamesWithCollation);
  traits.has_temporary_variables = has(sign::kHasTemporaryVariables);
  traits.writes = has(sign::kWrites);
  traits.commits = has(sign::kCommits);
  traits.reads_sequence = has(sign::kReadsSequence);
  traits.reads_gtid = has(sign::kReadsGtid);
  traits.xa_prepares = has(sign::kXaPrepares);
  traits.xa_ends = has(sign::kXaEnds);
  traits.calls = has(sign::kCalls);
  traits.ends_transaction = has(sign::kEndsTransaction);
  traits.begins_transaction = has(sign::kBeginsTransaction);
  return traits;
}

}  // namespace

SqlTraits ScanSql(std::string_view sql, const TextRules& text_rules) {
  return ScanSql(sql, text_rules, DefaultSqlRules());
}

SqlTraits ScanSql(std::string_view sql, const TextRules& text_rules, const SqlRules& rules) {
  // If characters hide ASCII, only a table of the character set would tell where literals end.
  if (!text_rules.characters_hide_ascii || std::all_of(sql.begin(), sql.end(), IsAscii)) {
    Scanner scanner(sql, text_rules, rules, Reading::kAsServer);
    const Signs signs = scanner.Scan();
    if (!scanner.in_doubt()) return TraitsOf(signs);
  }
  return TraitsOf(Scanner(sql, text_rules, rules, Reading::kEveryWord).Scan());
}

}  // namespace mysql_proxy

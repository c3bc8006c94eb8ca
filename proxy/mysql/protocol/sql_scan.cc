#include "proxy/mysql/protocol/sql_scan.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace mysql_proxy {
namespace {

enum class TokenKind : std::uint8_t {
  kWord,            // keyword, name or number
  kVariable,        // @name: the text is empty
  kSystemVariable,  // @@name: the text is empty, the name follows as a word
  kSymbol,
  kLiteral,  // in single quotes; the text is empty
  kQuoted,   // in other quotes: a name, or a literal
  kEnd,
};

struct Token {
  TokenKind kind;
  std::string_view text;
};

bool IsAscii(char c) { return (static_cast<unsigned char>(c) & 0x80) == 0; }

bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || !IsAscii(c);
}

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// A space for some character sets, and a part of a letter for others.
constexpr char kNoBreakSpace = '\xa0';

// `name` is in upper case.
bool Is(std::string_view word, std::string_view name) {
  return word.size() == name.size() &&
         std::equal(word.begin(), word.end(), name.begin(), [](char a, char b) {
           return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
         });
}

template <std::size_t kCount>
bool IsOneOf(std::string_view word, const std::string_view (&names)[kCount]) {
  return std::any_of(std::begin(names), std::end(names),
                     [word](std::string_view name) { return Is(word, name); });
}

enum class Reading : std::uint8_t {
  // As any server reads it; up to where servers may differ.
  kAsServer,
  // Literals and comments are read like all the rest: wherever they begin and end for a server, no
  // word that it may see is missed.
  kEveryWord,
};

// Some servers execute what is in them.
bool BeginsExecutableComment(std::string_view sql) {
  return sql.substr(0, 3) == "/*!" || sql.substr(0, 4) == "/*M!";
}

bool ContainsExecutableComment(std::string_view sql) {
  return sql.find("/*!") != std::string_view::npos || sql.find("/*M!") != std::string_view::npos;
}

class Lexer {
 public:
  Lexer(std::string_view sql, const TextRules& rules, Reading reading)
      : left_(sql), rules_(rules), reading_(reading) {}

  // Whether the end is where servers may differ about what follows.
  bool in_doubt() const { return in_doubt_; }

  Token Next() {
    SkipBlanks();
    if (left_.empty()) return {TokenKind::kEnd, {}};
    const char first = left_[0];
    if (IsWordCharacter(first)) return NextWord();
    if (first == '\'' || first == '"' || first == '`') {
      comments_are_certain_ = false;
      if (reading_ == Reading::kAsServer) return NextQuoted(first);
    }
    if (first != '@' || IsHalfACharacter()) return {TokenKind::kSymbol, Take(1)};
    Take(1);
    if (left_.empty() || left_[0] != '@') return {TokenKind::kVariable, {}};
    Take(1);
    return {TokenKind::kSystemVariable, {}};
  }

 private:
  std::string_view Take(std::size_t count) {
    const std::string_view taken = left_.substr(0, count);
    left_.remove_prefix(taken.size());
    if (!taken.empty()) previous_ = taken.back();
    return taken;
  }

  Token NextWord() {
    std::size_t length = 1;
    while (length < left_.size() && IsWordCharacter(left_[length])) ++length;
    const std::size_t space = left_.substr(0, length).find(kNoBreakSpace);
    if (space != std::string_view::npos) {
      if (reading_ == Reading::kAsServer) return Doubt();
      length = space == 0 ? 1 : space;
    }
    if (++words_ == 2) comments_are_certain_ = false;
    return {TokenKind::kWord, Take(length)};
  }

  // Behind the first half of a character no name ends, so no variable begins.
  bool IsHalfACharacter() const { return rules_.characters_hide_ascii && !IsAscii(previous_); }

  bool StartsWith(std::string_view text) const { return left_.substr(0, text.size()) == text; }

  void SkipThrough(std::string_view end) {
    const std::size_t at = left_.find(end);
    Take(at == std::string_view::npos ? left_.size() : at + end.size());
  }

  Token Doubt() {
    in_doubt_ = true;
    left_ = {};
    return {TokenKind::kEnd, {}};
  }

  void SkipBlanks() {
    while (!left_.empty()) {
      if (IsSpace(left_[0])) {
        Take(1);
      } else if (reading_ == Reading::kEveryWord && !comments_are_certain_) {
        return;
      } else if (left_[0] == '#' || IsDashComment()) {
        SkipThrough("\n");
      } else if (BeginsExecutableComment(left_) || MayBeDashComment()) {
        if (reading_ == Reading::kAsServer) Doubt();
        return;
      } else if (StartsWith("/*")) {
        Take(2);
        SkipThrough("*/");
      } else {
        return;
      }
    }
  }

  bool IsDashComment() const {
    if (!StartsWith("--")) return false;
    return left_.size() == 2 || static_cast<unsigned char>(left_[2]) <= ' ' || left_[2] == '\x7f';
  }

  // If a space of the character set follows.
  bool MayBeDashComment() const {
    return StartsWith("--") && left_.size() > 2 && !IsAscii(left_[2]);
  }

  Token NextQuoted(char quote) {
    Take(1);
    const std::string_view inside = left_;
    while (!left_.empty()) {
      const char c = left_[0];
      const bool backslash = c == '\\' && rules_.backslash_escapes && quote != '`';
      // With ANSI_QUOTES it is a name, in which a backslash is a letter.
      if (backslash && quote == '"') return Doubt();
      // A doubled quote is a quote: it looks like the end and the beginning of another literal.
      if (c == quote) break;
      Take(backslash ? 2 : 1);
    }
    const std::string_view text = inside.substr(0, inside.size() - left_.size());
    Take(1);
    return quote == '\'' ? Token{TokenKind::kLiteral, {}} : Token{TokenKind::kQuoted, text};
  }

  std::string_view left_;
  char previous_ = ' ';
  const TextRules rules_;
  const Reading reading_;
  std::size_t words_ = 0;
  // Nothing came yet whose end may be doubtful. The first two words, which tell what a statement
  // is, are found behind comments then.
  bool comments_are_certain_ = true;
  bool in_doubt_ = false;
};

// Statements that begin so are one statement: no call, no block, no EXECUTE of some text.
bool IsSingle(std::string_view first, std::string_view second) {
  static constexpr std::string_view kSingle[] = {
      "SELECT", "INSERT",   "UPDATE",   "DELETE",    "REPLACE", "WITH",       "VALUES", "TABLE",
      "SHOW",   "EXPLAIN",  "DESCRIBE", "DESC",      "ANALYZE", "USE",        "DO",     "COMMIT",
      "START",  "ROLLBACK", "RELEASE",  "SAVEPOINT", "CREATE",  "ALTER",      "DROP",   "TRUNCATE",
      "RENAME", "LOCK",     "UNLOCK",   "LOAD",      "PREPARE", "DEALLOCATE", "GRANT",  "REVOKE",
      "CHECK",  "OPTIMIZE", "REPAIR",   "FLUSH",     "KILL",    "HANDLER",    "XA",     "HELP"};
  if (first.empty()) return true;  // nothing, or in parentheses
  if (Is(first, "SET")) return !Is(second, "STATEMENT");
  if (Is(first, "BEGIN")) return !Is(second, "NOT");
  return IsOneOf(first, kSingle);
}

bool ReadsLastResult(std::string_view first, std::string_view second) {
  static constexpr std::string_view kShown[] = {"WARNINGS", "ERRORS", "COUNT"};
  return (Is(first, "SHOW") && IsOneOf(second, kShown)) ||
         (Is(first, "GET") && (Is(second, "DIAGNOSTICS") || Is(second, "CURRENT")));
}

// What may follow SET STATEMENT ... FOR and changes nothing in the session.
bool IsAboutRows(std::string_view word) {
  static constexpr std::string_view kRows[] = {"SELECT",  "INSERT", "UPDATE", "DELETE",
                                               "REPLACE", "WITH",   "VALUES"};
  return IsOneOf(word, kRows);
}

class Scanner {
 public:
  Scanner(std::string_view sql, const TextRules& rules, Reading reading)
      : lexer_(sql, rules, reading),
        every_word_(reading == Reading::kEveryWord),
        several_(every_word_ && ContainsExecutableComment(sql)) {}

  bool in_doubt() const { return lexer_.in_doubt(); }

  SqlTraits Scan() {
    for (Token token = lexer_.Next(); token.kind != TokenKind::kEnd; token = lexer_.Next()) {
      if (ended_) several_ = true;
      Look(token);
      if (words_ == 0 && token.kind != TokenKind::kWord) {
        // Parentheses open a SELECT; with anything else it is no statement that we know.
        const bool opens =
            token.kind == TokenKind::kSymbol && (token.text == "(" || token.text == ";");
        if (!opens) traits_.compound = true;
      }
    }
    if (several_ || !IsSingle(first_, second_)) traits_.compound = true;
    if (every_word_ ? shows_ : ReadsLastResult(first_, second_)) traits_.reads_last_result = true;
    if (Is(first_, "HANDLER") || (traits_.compound && handler_)) {
      traits_.uses_connection_state = true;
    }
    JudgeSetStatement();
    JudgeCollation();
    return traits_;
  }

 private:
  // Changes that end with the statement are not told from those that last, so unless none can last
  // something may be lost.
  void JudgeSetStatement() {
    if (!traits_.compound || !set_statement_) return;
    traits_.has_temporary_variables = true;
    if (several_ || every_word_ || !about_rows_) traits_.uses_connection_state = true;
  }

  void JudgeCollation() {
    if (!names_ || !collate_) return;
    if (Is(first_, "SET") && Is(second_, "NAMES") && !comma_ && !traits_.compound && !every_word_) {
      traits_.sets_names_with_collation = true;
    } else if (Is(first_, "SET") || traits_.compound) {
      traits_.uses_connection_state = true;
    }
  }

  void Look(const Token& token) {
    switch (token.kind) {
      case TokenKind::kWord:
        LookAtWord(token.text);
        break;
      case TokenKind::kVariable:
        traits_.uses_connection_state = true;
        break;
      case TokenKind::kSymbol:
        ended_ = ended_ || token.text == ";";
        comma_ = comma_ || token.text == ",";
        break;
      case TokenKind::kQuoted:
        LookAtName(token.text);
        break;
      case TokenKind::kSystemVariable:
      case TokenKind::kLiteral:
      case TokenKind::kEnd:
        break;
    }
    static constexpr std::string_view kScopes[] = {"SESSION", "LOCAL", "GLOBAL", ".", "`"};
    in_system_variable_ = token.kind == TokenKind::kSystemVariable ||
                          (in_system_variable_ && IsOneOf(token.text, kScopes));
  }

  // Of a function or a variable.
  void LookAtName(std::string_view name) {
    static constexpr std::string_view kResults[] = {"FOUND_ROWS", "ROW_COUNT"};
    static constexpr std::string_view kResultVariables[] = {"WARNING_COUNT", "ERROR_COUNT"};
    static constexpr std::string_view kTracking = "SESSION_TRACK_";
    if (Is(name, "GET_LOCK")) traits_.uses_connection_state = true;
    // The proxy may learn less from now on.
    if (Is(name.substr(0, kTracking.size()), kTracking)) traits_.uses_connection_state = true;
    if (Is(name, "LAST_INSERT_ID")) traits_.reads_insert_id = true;
    if (IsOneOf(name, kResults)) traits_.reads_last_result = true;
    if (in_system_variable_ && Is(name, "IDENTITY")) traits_.reads_insert_id = true;
    if (in_system_variable_ && IsOneOf(name, kResultVariables)) traits_.reads_last_result = true;
  }

  void LookAtWord(std::string_view word) {
    static constexpr std::string_view kShown[] = {"WARNINGS", "ERRORS", "DIAGNOSTICS"};
    static constexpr std::string_view kBlocks[] = {"STATEMENT", "ATOMIC"};
    if (words_ == 0) first_ = word;
    if (words_ == 1) second_ = word;
    ++words_;
    LookAtName(word);
    names_ = names_ || Is(word, "NAMES");
    collate_ = collate_ || Is(word, "COLLATE");
    handler_ = handler_ || Is(word, "HANDLER");
    shows_ = shows_ || IsOneOf(word, kShown);
    if (Is(word, "STATEMENT") && (every_word_ || Is(previous_, "SET"))) set_statement_ = true;
    // SET STATEMENT, or BEGIN NOT ATOMIC, with something between that is no word for the server.
    if (every_word_ && IsOneOf(word, kBlocks)) several_ = true;
    if (Is(previous_, "FOR") && ++fors_ == 1) about_rows_ = IsAboutRows(word);
    previous_ = word;
  }

  Lexer lexer_;
  const bool every_word_;
  // Something follows the end of a statement; or may, because it depends on a server's kind and
  // version whether it executes a comment.
  bool several_;
  SqlTraits traits_;
  std::string_view first_;
  std::string_view second_;
  std::string_view previous_;
  std::size_t words_ = 0;
  bool in_system_variable_ = false;
  bool ended_ = false;  // a statement
  // What was seen anywhere.
  bool comma_ = false;
  bool names_ = false;
  bool collate_ = false;
  bool handler_ = false;
  bool shows_ = false;
  bool set_statement_ = false;
  std::size_t fors_ = 0;
  bool about_rows_ = false;  // the word behind the first FOR
};

}  // namespace

SqlTraits ScanSql(std::string_view sql, const TextRules& rules) {
  // Where literals end is unknown without a table of the character set.
  if (!rules.characters_hide_ascii || std::all_of(sql.begin(), sql.end(), IsAscii)) {
    Scanner scanner(sql, rules, Reading::kAsServer);
    const SqlTraits traits = scanner.Scan();
    if (!scanner.in_doubt()) return traits;
  }
  return Scanner(sql, rules, Reading::kEveryWord).Scan();
}

}  // namespace mysql_proxy

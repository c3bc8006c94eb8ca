#include "protocol/sql_scan.h"

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
  kLiteral,  // quoted
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
  // As any server reads it; up to the first executable comment.
  kAsServer,
  // Literals and comments are read like all the rest: wherever they begin and end for a server, no
  // word that it may see is missed.
  kEveryWord,
};

class Lexer {
 public:
  Lexer(std::string_view sql, bool backslash_escapes, Reading reading)
      : left_(sql), backslash_escapes_(backslash_escapes), reading_(reading) {}

  // Whether the end is the beginning of a comment that some servers execute.
  bool found_executable_comment() const { return found_executable_comment_; }

  Token Next() {
    SkipBlanks();
    if (left_.empty()) return {TokenKind::kEnd, {}};
    const char first = left_[0];
    if (IsWordCharacter(first)) return {TokenKind::kWord, Take(WordLength())};
    if (reading_ == Reading::kAsServer && (first == '\'' || first == '"' || first == '`')) {
      SkipQuoted(first);
      return {TokenKind::kLiteral, {}};
    }
    if (first != '@') return {TokenKind::kSymbol, Take(1)};
    Take(1);
    if (left_.empty() || left_[0] != '@') return {TokenKind::kVariable, {}};
    Take(1);
    return {TokenKind::kSystemVariable, {}};
  }

 private:
  std::string_view Take(std::size_t count) {
    const std::string_view taken = left_.substr(0, count);
    left_.remove_prefix(taken.size());
    return taken;
  }

  std::size_t WordLength() const {
    std::size_t length = 1;
    while (length < left_.size() && IsWordCharacter(left_[length])) ++length;
    return length;
  }

  bool StartsWith(std::string_view text) const { return left_.substr(0, text.size()) == text; }

  void SkipThrough(std::string_view end) {
    const std::size_t at = left_.find(end);
    Take(at == std::string_view::npos ? left_.size() : at + end.size());
  }

  void SkipBlanks() {
    while (!left_.empty()) {
      if (IsSpace(left_[0])) {
        Take(1);
      } else if (reading_ == Reading::kEveryWord) {
        return;
      } else if (left_[0] == '#' || IsDashComment()) {
        SkipThrough("\n");
      } else if (StartsWith("/*!") || StartsWith("/*M!")) {
        // The rest must be read in another way.
        found_executable_comment_ = true;
        left_ = {};
      } else if (StartsWith("/*")) {
        SkipThrough("*/");
      } else {
        return;
      }
    }
  }

  bool IsDashComment() const {
    return StartsWith("--") && (left_.size() == 2 || static_cast<unsigned char>(left_[2]) <= ' ');
  }

  void SkipQuoted(char quote) {
    Take(1);
    while (!left_.empty()) {
      const char c = left_[0];
      const bool escapes = c == '\\' && backslash_escapes_ && quote != '`';
      Take(escapes ? 2 : 1);
      // A doubled quote is a quote: it looks like the end and the beginning of another literal.
      if (c == quote) return;
    }
  }

  std::string_view left_;
  const bool backslash_escapes_;
  const Reading reading_;
  bool found_executable_comment_ = false;
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
  Scanner(std::string_view sql, bool backslash_escapes, Reading reading)
      : lexer_(sql, backslash_escapes, reading), every_word_(reading == Reading::kEveryWord) {}

  bool found_executable_comment() const { return lexer_.found_executable_comment(); }

  SqlTraits Scan() {
    for (Token token = lexer_.Next(); token.kind != TokenKind::kEnd; token = lexer_.Next()) {
      if (ended_) several_ = true;
      Look(token);
      if (words_ == 0 && token.kind != TokenKind::kWord) {
        // Parentheses open a SELECT; with anything else it is no statement that we know.
        if (token.text != "(" && token.text != ";") traits_.compound = true;
      }
    }
    if (several_ || every_word_ || !IsSingle(first_, second_)) traits_.compound = true;
    if (ReadsLastResult(first_, second_) || (every_word_ && shows_)) {
      traits_.reads_last_result = true;
    }
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
    if (Is(first_, "SET") && Is(second_, "NAMES") && !comma_ && !traits_.compound) {
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
      case TokenKind::kSystemVariable:
      case TokenKind::kLiteral:
      case TokenKind::kEnd:
        break;
    }
    after_system_variable_ = token.kind == TokenKind::kSystemVariable;
  }

  void LookAtWord(std::string_view word) {
    static constexpr std::string_view kResults[] = {"FOUND_ROWS", "ROW_COUNT"};
    static constexpr std::string_view kResultVariables[] = {"WARNING_COUNT", "ERROR_COUNT"};
    static constexpr std::string_view kShown[] = {"WARNINGS", "ERRORS", "DIAGNOSTICS"};
    if (words_ == 0) first_ = word;
    if (words_ == 1) second_ = word;
    ++words_;
    if (Is(word, "GET_LOCK")) traits_.uses_connection_state = true;
    if (Is(word, "LAST_INSERT_ID")) traits_.reads_insert_id = true;
    if (IsOneOf(word, kResults)) traits_.reads_last_result = true;
    if (after_system_variable_ && Is(word, "IDENTITY")) traits_.reads_insert_id = true;
    if (after_system_variable_ && IsOneOf(word, kResultVariables)) {
      traits_.reads_last_result = true;
    }
    names_ = names_ || Is(word, "NAMES");
    collate_ = collate_ || Is(word, "COLLATE");
    handler_ = handler_ || Is(word, "HANDLER");
    shows_ = shows_ || IsOneOf(word, kShown);
    if (Is(word, "STATEMENT") && (every_word_ || Is(previous_, "SET"))) set_statement_ = true;
    if (Is(previous_, "FOR") && ++fors_ == 1) about_rows_ = IsAboutRows(word);
    previous_ = word;
  }

  Lexer lexer_;
  const bool every_word_;
  SqlTraits traits_;
  std::string_view first_;
  std::string_view second_;
  std::string_view previous_;
  std::size_t words_ = 0;
  bool after_system_variable_ = false;
  bool ended_ = false;    // a statement
  bool several_ = false;  // something follows its end
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
    Scanner scanner(sql, rules.backslash_escapes, Reading::kAsServer);
    const SqlTraits traits = scanner.Scan();
    // Whether a server executes it depends on its kind and version.
    if (!scanner.found_executable_comment()) return traits;
  }
  return Scanner(sql, rules.backslash_escapes, Reading::kEveryWord).Scan();
}

}  // namespace mysql_proxy

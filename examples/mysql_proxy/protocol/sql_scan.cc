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

bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || (static_cast<unsigned char>(c) & 0x80) != 0;
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

class Lexer {
 public:
  Lexer(std::string_view sql, bool backslash_escapes)
      : left_(sql), backslash_escapes_(backslash_escapes) {}

  // A comment has come that a server may execute or not, depending on its version.
  bool executable_comment() const { return executable_comment_; }

  Token Next() {
    SkipBlanks();
    if (left_.empty()) return {TokenKind::kEnd, {}};
    const char first = left_[0];
    if (IsWordCharacter(first)) return {TokenKind::kWord, Take(WordLength())};
    if (first == '\'' || first == '"' || first == '`') {
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
      } else if (left_[0] == '#' || IsDashComment()) {
        SkipThrough("\n");
      } else if (StartsWith("/*!") || StartsWith("/*M!")) {
        executable_comment_ = true;
        SkipThrough("!");
        while (!left_.empty() && left_[0] >= '0' && left_[0] <= '9') Take(1);
      } else if (StartsWith("/*")) {
        SkipThrough("*/");
      } else if (StartsWith("*/")) {
        Take(2);
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
  bool executable_comment_ = false;
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

class Scanner {
 public:
  Scanner(std::string_view sql, bool backslash_escapes) : lexer_(sql, backslash_escapes) {}

  SqlTraits Scan() {
    for (Token token = lexer_.Next(); token.kind != TokenKind::kEnd; token = lexer_.Next()) {
      if (ended_) several_ = true;
      Look(token);
      if (words_ == 0 && token.kind != TokenKind::kWord) {
        // Parentheses open a SELECT; with anything else it is no statement that we know.
        if (token.text != "(" && token.text != ";") traits_.compound = true;
      }
    }
    traits_.compound =
        traits_.compound || several_ || !IsSingle(first_, second_) || lexer_.executable_comment();
    traits_.reads_last_result = traits_.reads_last_result || ReadsLastResult(first_, second_);
    traits_.uses_connection_state = traits_.uses_connection_state || Is(first_, "HANDLER");
    ScanSet();
    return traits_;
  }

 private:
  void ScanSet() {
    if (!Is(first_, "SET")) return;
    traits_.has_temporary_variables = Is(second_, "STATEMENT");
    // What else such a statement leaves behind cannot be told from its variables.
    if (traits_.has_temporary_variables && (several_ || makes_something_)) {
      traits_.uses_connection_state = true;
    }
    if (!names_ || !collate_) return;
    traits_.sets_names_with_collation = Is(second_, "NAMES") && !comma_ && !traits_.compound;
    if (!traits_.sets_names_with_collation) traits_.uses_connection_state = true;
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
    if (words_ == 0) first_ = word;
    if (words_ == 1) second_ = word;
    ++words_;
    if (Is(word, "GET_LOCK")) traits_.uses_connection_state = true;
    if (Is(word, "LAST_INSERT_ID")) traits_.reads_insert_id = true;
    if (Is(word, "COLLATE")) collate_ = true;
    if (Is(word, "NAMES")) names_ = true;
    if (Is(word, "TEMPORARY") || Is(word, "PREPARE")) makes_something_ = true;
    if (IsOneOf(word, kResults)) traits_.reads_last_result = true;
    if (after_system_variable_ && Is(word, "IDENTITY")) traits_.reads_insert_id = true;
    if (after_system_variable_ && IsOneOf(word, kResultVariables)) {
      traits_.reads_last_result = true;
    }
  }

  Lexer lexer_;
  SqlTraits traits_;
  std::string_view first_;
  std::string_view second_;
  std::size_t words_ = 0;
  bool ended_ = false;
  bool several_ = false;
  bool names_ = false;
  bool collate_ = false;
  bool makes_something_ = false;  // a temporary table, or a prepared statement
  bool comma_ = false;
  bool after_system_variable_ = false;
};

}  // namespace

SqlTraits ScanSql(std::string_view sql, bool backslash_escapes) {
  return Scanner(sql, backslash_escapes).Scan();
}

}  // namespace mysql_proxy

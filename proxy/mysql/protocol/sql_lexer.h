// Splits the text of a statement into words, quoted texts and symbols.
//
// Servers differ about where some comments and literals end, and the proxy does not know each
// server's version and character set. So the lexer has two readings, see Reading.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_SQL_LEXER_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_SQL_LEXER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mysql_proxy {

// How the server of a connection reads a text.
struct TextRules {
  // A backslash in a literal escapes the character behind it. The server's status tells
  // (kNoBackslashEscapes).
  bool backslash_escapes = true;
  // The client's character set is GBK, Shift JIS or the like: a byte that looks like a backslash
  // or a backquote may be the second half of a character.
  bool characters_hide_ascii = false;
};

enum class TokenKind : std::uint8_t {
  kWord,            // A keyword, a name without quotes, or a number.
  kUserVariable,    // The "@" of a user variable. The text is empty.
  kSystemVariable,  // The "@@" of a system variable. The text is empty; the name follows.
  kSymbol,          // Any other character.
  kLiteral,         // A literal in single quotes. The text is empty.
  kQuoted,          // A text in double quotes or backquotes: a name, or a literal.
  kEnd,             // The text has ended, or the lexer is in doubt.
};

// The text refers to the statement that the lexer reads.
struct Token {
  TokenKind kind;
  std::string_view text;
};

enum class Reading : std::uint8_t {
  // The lexer reads what every server reads, and stops where servers may differ.
  kAsServer,
  // The lexer takes the insides of literals and comments for words and symbols. So the lexer
  // misses no word that a server may see, wherever that server lets literals and comments end.
  kEveryWord,
};

inline bool IsAscii(char c) { return (static_cast<unsigned char>(c) & 0x80) == 0; }

// Whether `word` is `name`, in upper or lower case. `name` is in upper case.
inline bool IsWord(std::string_view word, std::string_view name) {
  return word.size() == name.size() &&
         std::equal(word.begin(), word.end(), name.begin(), [](char a, char b) {
           return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
         });
}

// Whether the text "/*!" or "/*M!" is in `sql`. Some servers execute what stands in such a comment.
bool ContainsExecutableComment(std::string_view sql);

// Reads one statement text from front to back. The text must outlive the lexer and its tokens.
class SqlLexer {
 public:
  SqlLexer(std::string_view sql, const TextRules& rules, Reading reading)
      : left_(sql), rules_(rules), reading_(reading) {}

  Token Next();

  // Whether kEnd was returned because servers may read the rest of the text differently. Never
  // true with Reading::kEveryWord.
  bool in_doubt() const { return in_doubt_; }

 private:
  std::string_view Take(std::size_t count);
  Token NextWord();
  Token NextQuoted(char quote);
  Token NextVariable();
  Token StopInDoubt();
  void SkipBlanks();
  bool SkipComment();
  void SkipThrough(std::string_view end);
  bool IsDashComment() const;
  bool MayBeDashComment() const;
  bool IsHalfACharacter() const;

  std::string_view left_;
  char previous_ = ' ';  // The last character that was taken.
  const TextRules rules_;
  const Reading reading_;
  std::size_t words_ = 0;
  // Only kEveryWord uses this member. Comments are skipped until something comes whose end may be
  // in doubt. So the first two words, which tell what the statement is, are found behind comments.
  bool comments_are_certain_ = true;
  bool in_doubt_ = false;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_SQL_LEXER_H_

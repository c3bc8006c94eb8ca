#include "proxy/mysql/protocol/sql_lexer.h"

namespace mysql_proxy {
namespace {

bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || !IsAscii(c);
}

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// This byte is a space in some character sets, and a part of a letter in others.
constexpr char kNoBreakSpace = '\xa0';

bool BeginsExecutableComment(std::string_view sql) {
  return sql.substr(0, 3) == "/*!" || sql.substr(0, 4) == "/*M!";
}

}  // namespace

bool ContainsExecutableComment(std::string_view sql) {
  return sql.find("/*!") != std::string_view::npos || sql.find("/*M!") != std::string_view::npos;
}

Token SqlLexer::Next() {
  SkipBlanks();
  if (left_.empty()) return {TokenKind::kEnd, {}};
  const char first = left_[0];
  if (IsWordCharacter(first)) return NextWord();
  if (first == '\'' || first == '"' || first == '`') {
    comments_are_certain_ = false;
    if (reading_ == Reading::kAsServer) return NextQuoted(first);
  }
  if (first == '@' && !IsHalfACharacter()) return NextVariable();
  return {TokenKind::kSymbol, Take(1)};
}

Token SqlLexer::NextWord() {
  std::size_t length = 1;
  while (length < left_.size() && IsWordCharacter(left_[length])) ++length;
  const std::size_t space = left_.substr(0, length).find(kNoBreakSpace);
  if (space != std::string_view::npos) {
    if (reading_ == Reading::kAsServer) return StopInDoubt();
    length = space == 0 ? 1 : space;
  }
  if (++words_ == 2) comments_are_certain_ = false;
  return {TokenKind::kWord, Take(length)};
}

Token SqlLexer::NextQuoted(char quote) {
  Take(1);
  const std::string_view inside = left_;
  while (!left_.empty()) {
    const char c = left_[0];
    const bool backslash = c == '\\' && rules_.backslash_escapes && quote != '`';
    // With the SQL mode ANSI_QUOTES this text is a name, in which a backslash is a letter.
    if (backslash && quote == '"') return StopInDoubt();
    // A doubled quote stands for one quote character. Here it ends one token and begins another,
    // which is of the same kind and does no harm.
    if (c == quote) break;
    Take(backslash ? 2 : 1);
  }
  const std::string_view text = inside.substr(0, inside.size() - left_.size());
  Take(1);
  return quote == '\'' ? Token{TokenKind::kLiteral, {}} : Token{TokenKind::kQuoted, text};
}

Token SqlLexer::NextVariable() {
  Take(1);
  if (!left_.starts_with("@")) return {TokenKind::kUserVariable, {}};
  Take(1);
  return {TokenKind::kSystemVariable, {}};
}

Token SqlLexer::StopInDoubt() {
  in_doubt_ = true;
  left_ = {};
  return {TokenKind::kEnd, {}};
}

void SqlLexer::SkipBlanks() {
  while (!left_.empty()) {
    if (IsSpace(left_[0])) {
      Take(1);
    } else if (!SkipComment()) {
      return;
    }
  }
}

// Returns whether a comment was there. Stops in doubt if only some servers see a comment.
bool SqlLexer::SkipComment() {
  if (reading_ == Reading::kEveryWord && !comments_are_certain_) return false;
  if (left_[0] == '#' || IsDashComment()) {
    SkipThrough("\n");
    return true;
  }
  if (BeginsExecutableComment(left_) || MayBeDashComment()) {
    if (reading_ == Reading::kAsServer) StopInDoubt();
    return false;
  }
  if (!left_.starts_with("/*")) return false;
  Take(2);
  SkipThrough("*/");
  return true;
}

void SqlLexer::SkipThrough(std::string_view end) {
  const std::size_t at = left_.find(end);
  Take(at == std::string_view::npos ? left_.size() : at + end.size());
}

std::string_view SqlLexer::Take(std::size_t count) {
  const std::string_view taken = left_.substr(0, count);
  left_.remove_prefix(taken.size());
  if (!taken.empty()) previous_ = taken.back();
  return taken;
}

// Servers want a space or a control character behind the two dashes.
bool SqlLexer::IsDashComment() const {
  if (!left_.starts_with("--")) return false;
  return left_.size() == 2 || static_cast<unsigned char>(left_[2]) <= ' ' || left_[2] == '\x7f';
}

// A byte that is not ASCII may be a space of the character set.
bool SqlLexer::MayBeDashComment() const {
  return left_.starts_with("--") && left_.size() > 2 && !IsAscii(left_[2]);
}

// An "@" behind the first half of a character may be that character's second half. If the "@" is no
// half, the byte before belongs to a name, and no variable begins within a name.
bool SqlLexer::IsHalfACharacter() const {
  return rules_.characters_hide_ascii && !IsAscii(previous_);
}

}  // namespace mysql_proxy

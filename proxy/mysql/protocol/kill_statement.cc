#include "proxy/mysql/protocol/kill_statement.h"

#include <charconv>

namespace mysql_proxy {

std::optional<KillStatement> ParseKill(std::string_view sql, const TextRules& rules) {
  SqlLexer lexer(sql, rules, Reading::kAsServer);
  Token token = lexer.Next();
  if (token.kind != TokenKind::kWord || !IsWord(token.text, "KILL")) return std::nullopt;
  KillStatement kill;
  token = lexer.Next();
  if (IsWord(token.text, "HARD") || IsWord(token.text, "SOFT")) token = lexer.Next();
  if (IsWord(token.text, "CONNECTION")) {
    token = lexer.Next();
  } else if (IsWord(token.text, "QUERY")) {
    kill.query_only = true;
    token = lexer.Next();
  }
  if (token.kind != TokenKind::kWord) return std::nullopt;
  const char* const end = token.text.data() + token.text.size();
  const auto [stop, error] = std::from_chars(token.text.data(), end, kill.connection_id);
  if (error != std::errc() || stop != end) return std::nullopt;
  token = lexer.Next();
  if (token.kind == TokenKind::kSymbol && token.text == ";") token = lexer.Next();
  if (token.kind != TokenKind::kEnd || lexer.in_doubt()) return std::nullopt;
  return kill;
}

}  // namespace mysql_proxy

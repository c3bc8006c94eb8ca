#include "proxy/mysql/protocol/sql_lexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace mysql_proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kWord:
      return "word " + std::string(token.text);
    case TokenKind::kUserVariable:
      return "user variable";
    case TokenKind::kSystemVariable:
      return "system variable";
    case TokenKind::kSymbol:
      return std::string(token.text);
    case TokenKind::kLiteral:
      return "literal";
    case TokenKind::kQuoted:
      return "quoted " + std::string(token.text);
    case TokenKind::kEnd:
      break;
  }
  return "end";
}

// All tokens, and at last "doubt" if the lexer stopped in doubt.
std::vector<std::string> Tokens(std::string_view sql, Reading reading = Reading::kAsServer,
                                const TextRules& rules = {}) {
  SqlLexer lexer(sql, rules, reading);
  std::vector<std::string> tokens;
  for (Token token = lexer.Next(); token.kind != TokenKind::kEnd; token = lexer.Next()) {
    tokens.push_back(Describe(token));
  }
  if (lexer.in_doubt()) tokens.emplace_back("doubt");
  return tokens;
}

TEST(SqlLexerTest, EveryKindOfToken) {
  EXPECT_THAT(Tokens("a_1 @x @@y, 'l' \"q\" `n`"),
              ElementsAre("word a_1", "user variable", "word x", "system variable", "word y", ",",
                          "literal", "quoted q", "quoted n"));
  EXPECT_THAT(Tokens(""), IsEmpty());
}

TEST(SqlLexerTest, CommentsAreSkipped) {
  EXPECT_THAT(Tokens("a # b\n c -- d\n e /* f */ g --"),
              ElementsAre("word a", "word c", "word e", "word g"));
  EXPECT_THAT(Tokens("a --b"), ElementsAre("word a", "-", "-", "word b"));
}

TEST(SqlLexerTest, TheServersReadingStopsWhereServersDiffer) {
  EXPECT_THAT(Tokens("a /*! b */"), ElementsAre("word a", "doubt"));
  EXPECT_THAT(Tokens("a /*M! b */"), ElementsAre("word a", "doubt"));
  EXPECT_THAT(Tokens("a --\xa0 b"), ElementsAre("word a", "doubt"));
  EXPECT_THAT(Tokens("a b\xa0"), ElementsAre("word a", "doubt"));
  EXPECT_THAT(Tokens("a \"\\\""), ElementsAre("word a", "doubt"));
}

TEST(SqlLexerTest, TheOtherReadingMissesNoWord) {
  EXPECT_THAT(Tokens("/* x */ a 'b' /* c */", Reading::kEveryWord),
              ElementsAre("word a", "'", "word b", "'", "/", "*", "word c", "*", "/"));
  EXPECT_THAT(Tokens("a b # c", Reading::kEveryWord),
              ElementsAre("word a", "word b", "#", "word c"));
  EXPECT_THAT(Tokens("a\xa0z", Reading::kEveryWord), ElementsAre("word a", "word \xa0", "word z"));
}

TEST(SqlLexerTest, ABackslashEscapesIfTheServerSaysSo) {
  EXPECT_THAT(Tokens("'a\\' b'"), ElementsAre("literal"));
  EXPECT_THAT(Tokens("'a\\' b", Reading::kAsServer, {/*backslash_escapes=*/false}),
              ElementsAre("literal", "word b"));
  EXPECT_THAT(Tokens("`a\\` b"), ElementsAre("quoted a\\", "word b"));
}

TEST(SqlLexerTest, AnAtSignMayBeHalfACharacter) {
  const TextRules hidden{/*backslash_escapes=*/true, /*characters_hide_ascii=*/true};
  EXPECT_THAT(Tokens("\x81@ @a", Reading::kEveryWord, hidden),
              ElementsAre("word \x81", "@", "user variable", "word a"));
  EXPECT_THAT(Tokens("\x81@", Reading::kEveryWord), ElementsAre("word \x81", "user variable"));
}

}  // namespace
}  // namespace mysql_proxy

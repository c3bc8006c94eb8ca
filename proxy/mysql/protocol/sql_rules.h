// The rules by which ScanSql finds the traits of a statement (sql_scan.h), each with its reason.
//
// A statement's words give signs, and signs together give traits. Which words give which sign, and
// which signs give which trait, stands in tables.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_SQL_RULES_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_SQL_RULES_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace mysql_proxy {

// What is known about one statement: a set of the bits below.
using Signs = std::uint32_t;

namespace sign {

// The traits, as SqlTraits describes them.
inline constexpr Signs kCompound = 1u << 0;
inline constexpr Signs kUsesConnectionState = 1u << 1;
inline constexpr Signs kReadsInsertId = 1u << 2;
inline constexpr Signs kReadsLastResult = 1u << 3;
inline constexpr Signs kSetsNamesWithCollation = 1u << 4;
inline constexpr Signs kHasTemporaryVariables = 1u << 5;
inline constexpr Signs kWrites = 1u << 6;
inline constexpr Signs kCommits = 1u << 7;

// What WordRules find.
inline constexpr Signs kOneStatement = 1u << 8;     // The first word belongs to one statement only.
inline constexpr Signs kSetsFirst = 1u << 9;        // The first word is SET.
inline constexpr Signs kSetsNamesFirst = 1u << 10;  // The first two words are SET NAMES.
inline constexpr Signs kNames = 1u << 11;           // The word NAMES.
inline constexpr Signs kCollate = 1u << 12;         // The word COLLATE.
inline constexpr Signs kHandler = 1u << 13;         // The word HANDLER.
inline constexpr Signs kSetStatement = 1u << 14;    // SET STATEMENT, anywhere.
inline constexpr Signs kForRows = 1u << 15;         // FOR and a statement about rows.

// What the scan itself finds: these are no words.
inline constexpr Signs kHasWord = 1u << 16;   // There is a word.
inline constexpr Signs kOddStart = 1u << 17;  // Something but "(" and ";" precedes all words.
inline constexpr Signs kSeveral = 1u << 18;   // Something follows the end of a statement, or may.
inline constexpr Signs kComma = 1u << 19;     // A comma.
inline constexpr Signs kUserVariable = 1u << 20;  // A user variable.
inline constexpr Signs kInDoubt = 1u << 21;       // The text was read with Reading::kEveryWord.
inline constexpr Signs kWritesFirst = 1u << 22;   // The first word changes rows.

// More traits, as SqlTraits describes them.
inline constexpr Signs kEndsTransaction = 1u << 23;
inline constexpr Signs kCalls = 1u << 24;
inline constexpr Signs kReadsSequence = 1u << 25;
inline constexpr Signs kReadsGtid = 1u << 26;
inline constexpr Signs kXaPrepares = 1u << 27;
inline constexpr Signs kXaEnds = 1u << 28;

// More that WordRules find.
inline constexpr Signs kFlushes = 1u << 29;  // The first word is FLUSH.
inline constexpr Signs kLocks = 1u << 30;    // The words LOCK or EXPORT.

// One more trait, as SqlTraits describes it.
inline constexpr Signs kBeginsTransaction = 1u << 31;

}  // namespace sign

// Where a phrase must stand. A phrase is one word, or two words with one space between.
enum class Where : std::uint8_t {
  // The phrase is the first word of the text, or the first two words with nothing between.
  kStart,
  // The same, and the text was read with Reading::kAsServer.
  kCertainStart,
  // The phrase is a word anywhere, or two words with no other word between them.
  kWord,
  // The phrase is a word anywhere, and the text was read with Reading::kEveryWord.
  kWordInDoubt,
  // The phrase is a word, or all of a text in double quotes or backquotes.
  kName,
  // The same, and more characters may follow.
  kNameBegin,
  // The phrase is the name of a system variable: a kName behind "@@", "@@session." and the like.
  kSystemVariable,
  // The phrase is the word behind the first FOR.
  kBehindFor,
};

// The first letters of words, as bits: one for each letter in either case, and one for the rest.
using Initials = std::uint32_t;

constexpr Initials InitialOf(char first) {
  const char lower = static_cast<char>(first | 0x20);
  return lower >= 'a' && lower <= 'z' ? Initials{1} << (lower - 'a') : Initials{1} << 26;
}

// A statement with one of `phrases` has `signs`. Phrases are in upper case.
struct WordRule {
  WordRule(std::vector<std::string_view> its_phrases, Where its_place, Signs its_signs,
           std::string_view its_reason)
      : phrases(std::move(its_phrases)),
        where(its_place),
        signs(its_signs),
        reason(its_reason),
        initials(InitialsOf(phrases)) {}

  // The initials of all words of the phrases. Most words of a statement begin with another letter,
  // so the scan need not compare them.
  static Initials InitialsOf(const std::vector<std::string_view>& phrases) {
    Initials initials = 0;
    for (const std::string_view phrase : phrases) {
      initials |= InitialOf(phrase.front());
      const std::size_t space = phrase.find(' ');
      if (space != std::string_view::npos) initials |= InitialOf(phrase[space + 1]);
    }
    return initials;
  }

  std::vector<std::string_view> phrases;
  Where where;
  Signs signs;
  std::string_view reason;
  Initials initials;
};

// A statement with all signs of `all`, and without any sign of `none`, has the trait `trait`.
struct TraitRule {
  Signs all;
  Signs none;
  Signs trait;
  std::string_view reason;
};

struct SqlRules {
  std::vector<WordRule> starts;   // kStart and kCertainStart.
  std::vector<WordRule> words;    // All other places.
  std::vector<TraitRule> traits;  // In this order: a rule sees the traits of the rules before.
};

// The rules that the proxy uses. The object lives for ever and may be read by any thread.
const SqlRules& DefaultSqlRules();

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_SQL_RULES_H_

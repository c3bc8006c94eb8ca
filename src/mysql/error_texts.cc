#include "mysql/error_texts.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "outcome/local_trouble.h"
#include "outcome/text_pieces.h"

namespace failover::mysql::internal {
namespace {

using failover::internal::At;
using failover::internal::EndsWithIgnoreCase;
using failover::internal::IsLetter;
using failover::internal::IsWordCharacter;
using failover::internal::WithoutLast;

// ---- SQLSTATE 45000 ----------------------------------------------------------------------------

constexpr std::string_view kRaisedByUser = "45000";

// Whether a number behind `before` is a SQLSTATE: "(sqlstate 45000)" of vttablet,
// "SQLSTATE[45000]", "SQLState: 45000", or "ERROR 1644 (45000)" of the client of MySQL. In SQL
// itself quotes stand around the value, which may be part of a harmless statement.
bool IsPlaceOfSqlstate(std::string_view before) {
  if (EndsWithIgnoreCase(WithoutLast(before, " :=[("), "sqlstate")) return true;
  if (before.empty() || before.back() != '(') return false;
  const std::string_view head = WithoutLast(before, "( ");
  return EndsWithIgnoreCase(WithoutLast(WithoutLast(head, "0123456789"), " "), "error") &&
         head.size() != WithoutLast(head, "0123456789").size();
}

// ---- The option of ER_OPTION_PREVENTS_STATEMENT ------------------------------------------------

// The name of the first option of the text, without its two dashes.
std::string_view FirstOption(std::string_view text) {
  std::size_t dashes = text.find("--");
  while (dashes != std::string_view::npos) {
    const std::size_t begin = text.find_first_not_of('-', dashes);
    if (begin == std::string_view::npos) return {};
    if (begin == dashes + 2 && IsLetter(text[begin])) {
      std::size_t end = begin;
      while (end < text.size() && (IsWordCharacter(text[end]) || text[end] == '-')) ++end;
      return text.substr(begin, end - begin);
    }
    dashes = text.find("--", begin);
  }
  return {};
}

// Dashes and underscores are the same in the name of an option.
bool IsSameOption(std::string_view option, std::string_view name) {
  const auto same = [](char a, char b) {
    return failover::internal::LowerCase(a == '_' ? '-' : a) == b;
  };
  return std::equal(option.begin(), option.end(), name.begin(), name.end(), same);
}

}  // namespace

bool IsRaisedByUser(const MysqlError& error) {
  if (error.sqlstate == kRaisedByUser) return true;
  const std::string_view text = error.text;
  std::size_t found = text.find(kRaisedByUser);
  while (found != std::string_view::npos) {
    const std::size_t end = found + kRaisedByUser.size();
    if (!IsWordCharacter(At(text, end)) && IsPlaceOfSqlstate(text.substr(0, found))) return true;
    found = text.find(kRaisedByUser, end);
  }
  return false;
}

bool IsRefusedByReadOnly(const MysqlError& error) {
  const std::string_view option = FirstOption(error.text);
  return IsSameOption(option, "read-only") || IsSameOption(option, "super-read-only");
}

bool IsTroubleOfThisMachine(const MysqlError& error) {
  return failover::internal::NamesLocalTrouble(error.text);
}

bool IsTroubleOfNameService(const MysqlError& error) {
  return failover::internal::NamesTroubleOfNameService(error.text);
}

}  // namespace failover::mysql::internal

// Looks at pieces of the text of an error.
//
// Thread-safety: the functions are pure and may be called from any thread. None of them allocates.
#ifndef FAILOVER_SRC_OUTCOME_TEXT_PIECES_H_
#define FAILOVER_SRC_OUTCOME_TEXT_PIECES_H_

#include <cstddef>
#include <string_view>

#include "absl/strings/ascii.h"
#include "outcome/judge.h"

namespace failover::internal {

inline bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
inline bool IsLetter(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }
inline char LowerCase(char c) { return absl::ascii_tolower(static_cast<unsigned char>(c)); }

// Whether the character may be a part of a word, a name or a number.
inline bool IsWordCharacter(char c) { return IsDigit(c) || IsLetter(c) || c == '_'; }

inline bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ContainsIgnoreCase(a, b);
}

inline bool EndsWithIgnoreCase(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && EqualsIgnoreCase(text.substr(text.size() - end.size()), end);
}

// `text` without those of its last characters that are among `characters`.
inline std::string_view WithoutLast(std::string_view text, std::string_view characters) {
  const std::size_t last = text.find_last_not_of(characters);
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

// The character at `index`, or a blank outside of the text.
inline char At(std::string_view text, std::size_t index) {
  return index < text.size() ? text[index] : ' ';
}

}  // namespace failover::internal

#endif  // FAILOVER_SRC_OUTCOME_TEXT_PIECES_H_

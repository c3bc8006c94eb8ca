#include "outcome/local_trouble.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include "outcome/text_pieces.h"

namespace failover::internal {
namespace {

// Calls `visit(number, before, behind)` for each whole number of `text` until a call returns true,
// and returns whether one did. `before` and `behind` are the rest of the text on both sides.
// Numbers of more than five digits are left out.
template <typename Visit>
bool AnyNumber(std::string_view text, Visit visit) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    if (!IsWordCharacter(text[begin])) {
      ++begin;
      continue;
    }
    std::size_t end = begin;
    bool digits_only = true;
    int number = 0;
    for (; end < text.size() && IsWordCharacter(text[end]); ++end) {
      digits_only = digits_only && IsDigit(text[end]) && end - begin < 5;
      if (digits_only) number = number * 10 + (text[end] - '0');
    }
    if (digits_only && visit(number, text.substr(0, begin), text.substr(end))) return true;
    begin = end;
  }
  return false;
}

// A trouble as a text may name it: by the number of the system, by the number of Windows, by the
// name of the number, or in words. 0 and an empty text stand for nothing.
struct Trouble {
  int number = 0;
  int windows_number = 0;
  std::string_view name;
  std::string_view words;
};

// The numbers are those of this system, because a client library of this machine wrote the text.
constexpr std::array<Trouble, 10> kTroubles = {{
    {EADDRNOTAVAIL, 10049, "EADDRNOTAVAIL", "assign requested address"},
    {EADDRINUSE, 10048, "EADDRINUSE", "address already in use"},
    {EMFILE, 10024, "EMFILE", "too many open files"},
    {ENFILE, 0, "ENFILE", ""},
    {ENOBUFS, 10055, "ENOBUFS", "no buffer space"},
    {ENOMEM, 0, "ENOMEM", "cannot allocate memory"},
    {EACCES, 10013, "EACCES", "permission denied"},
    {EPERM, 0, "EPERM", "operation not permitted"},
    {EAFNOSUPPORT, 10047, "EAFNOSUPPORT", "address family not supported"},
    {ENETDOWN, 10050, "ENETDOWN", "network is down"},
}};

// The troubles of the name service. The negative numbers are those of glibc and musl. A positive
// number is that of an older client library, which wrote h_errno: TRY_AGAIN and NO_RECOVERY; or it
// is EAGAIN; or it is a number of Windows.
constexpr std::array<Trouble, 4> kNameTroubles = {{
    {-3, 0, "EAI_AGAIN", "temporary failure in name resolution"},
    {-4, 0, "EAI_FAIL", "non-recoverable failure in name resolution"},
    {-10, 0, "EAI_MEMORY", ""},
    {-11, 0, "EAI_SYSTEM", ""},
}};
constexpr std::array<int, 5> kOldNameTroubles = {2, 3, EAGAIN, 11002, 11003};

// How other C libraries and Asio name the same troubles.
constexpr std::array<std::string_view, 4> kOtherWords = {
    "address not available", "no file descriptors available", "out of memory",
    "host not found (non-authoritative)"};

// Go names each failure of a look-up by this word. "no such host" is an answer of the name service.
constexpr std::string_view kLookup = "lookup ";
constexpr std::string_view kNoSuchHost = "no such host";

// Whether a number between `before` and `behind` is one that the system gave: "(99)", "(-3)", "(99
// "Cannot assign requested address")", "(99 Cannot assign ...)", "[Errno 99]", "(os error 24)",
// "errno=99". A part of an address, as in "(10.0.0.7)", is none, and no count, as in "(3 times)".
bool IsPlaceOfSystemNumber(std::string_view before, std::string_view behind) {
  if (At(behind, 0) == '.' && IsDigit(At(behind, 1))) return false;
  if (!before.empty() && before.back() == '-') before.remove_suffix(1);
  const std::string_view label = WithoutLast(before, " :=");
  if (EndsWithIgnoreCase(label, "errno") || EndsWithIgnoreCase(label, "error")) return true;
  if (before.empty() || before.back() != '(') return false;
  const char next = At(behind, 0) == ' ' ? At(behind, 1) : At(behind, 0);
  return next == ')' || next == '"' || (next >= 'A' && next <= 'Z');
}

// Calls `visit(number)` for each number that the system gave, until a call returns true.
template <typename Visit>
bool AnySystemNumber(std::string_view text, Visit visit) {
  return AnyNumber(text, [&visit](int number, std::string_view before, std::string_view behind) {
    if (!IsPlaceOfSystemNumber(before, behind)) return false;
    return visit(!before.empty() && before.back() == '-' ? -number : number);
  });
}

// Whether `text` holds `name` as a whole word.
bool ContainsWord(std::string_view text, std::string_view name) {
  std::size_t begin = text.find(name);
  while (begin != std::string_view::npos) {
    const bool begins = begin == 0 || !IsWordCharacter(text[begin - 1]);
    if (begins && !IsWordCharacter(At(text, begin + name.size()))) return true;
    begin = text.find(name, begin + name.size());
  }
  return false;
}

bool IsNamed(const Trouble& trouble, std::string_view text) {
  return ContainsWord(text, trouble.name) ||
         (!trouble.words.empty() && ContainsIgnoreCase(text, trouble.words));
}

bool NamesTrouble(std::string_view text) {
  const auto is_named = [text](const Trouble& trouble) { return IsNamed(trouble, text); };
  return std::any_of(kTroubles.begin(), kTroubles.end(), is_named) ||
         std::any_of(kNameTroubles.begin(), kNameTroubles.end(), is_named) ||
         std::any_of(kOtherWords.begin(), kOtherWords.end(),
                     [text](std::string_view words) { return ContainsIgnoreCase(text, words); }) ||
         (ContainsIgnoreCase(text, kLookup) && !ContainsIgnoreCase(text, kNoSuchHost));
}

bool IsNumberOfNameTrouble(int number) {
  return std::any_of(kNameTroubles.begin(), kNameTroubles.end(),
                     [number](const Trouble& trouble) { return trouble.number == number; });
}

// Some programs write a number of the system with a minus.
bool IsNumberOfTrouble(int number) {
  if (IsNumberOfNameTrouble(number)) return true;
  return std::any_of(kTroubles.begin(), kTroubles.end(), [number](const Trouble& trouble) {
    return number == trouble.number || number == -trouble.number ||
           (number != 0 && number == trouble.windows_number);
  });
}

}  // namespace

bool NamesLocalTrouble(std::string_view text) {
  return AnySystemNumber(text, IsNumberOfTrouble) || NamesTrouble(text);
}

bool NamesTroubleOfNameService(std::string_view text) {
  const auto is_trouble = [](int number) {
    return IsNumberOfNameTrouble(number) ||
           std::find(kOldNameTroubles.begin(), kOldNameTroubles.end(), number) !=
               kOldNameTroubles.end();
  };
  return AnySystemNumber(text, is_trouble) || NamesTrouble(text);
}

}  // namespace failover::internal

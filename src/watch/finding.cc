#include "watch/finding.h"

#include <cstddef>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace failover::watch::internal {

Finding OwnTrouble(absl::string_view what) {
  return {Seen::kUnknown, absl::StrCat("the router could not ask it: ", what)};
}

Finding OwnTrouble(int error) { return OwnTrouble(std::generic_category().message(error)); }

std::string Printable(absl::string_view text) {
  constexpr std::size_t kMost = 512;
  std::string printable(text.substr(0, kMost));
  for (char& letter : printable) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(letter))) letter = '?';
  }
  return printable;
}

}  // namespace failover::watch::internal

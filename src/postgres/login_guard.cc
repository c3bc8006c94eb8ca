#include "postgres/login_guard.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace failover::postgres::internal {
namespace {

// A message has its type, then its length without the type, both before the body.
constexpr std::size_t kHeader = 5;
constexpr std::size_t kLengthBytes = 4;
// libpq refuses a longer request (fe-connect.c), and longer messages of other types end the login.
constexpr std::size_t kMostBytes = 30'000;
constexpr char kAuthentication = 'R';

// The kinds of requests (the manual, "Message Formats").
constexpr std::uint32_t kOk = 0;
constexpr std::uint32_t kClearText = 3;
constexpr std::uint32_t kMd5 = 5;
constexpr std::uint32_t kGss = 7;
constexpr std::uint32_t kGssContinue = 8;
constexpr std::uint32_t kSspi = 9;
constexpr std::uint32_t kSasl = 10;
constexpr std::uint32_t kSaslContinue = 11;
constexpr std::uint32_t kSaslFinal = 12;

std::uint32_t NumberAt(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return number;
}

std::string NameOf(std::uint32_t request) {
  switch (request) {
    case kClearText:
      return "the password in clear text";
    case kMd5:
      return "an md5 of the password";
    case kGss:
    case kGssContinue:
      return "a login by GSSAPI";
    case kSspi:
      return "a login by SSPI";
    default:
      return absl::StrCat("a login of the unknown kind ", request);
  }
}

// Whether the challenge of SCRAM ("r=...,s=...,i=4096") asks for few enough iterations. A number
// that libpq could read in another way than this function is refused.
bool HasFewIterations(std::string_view challenge) {
  constexpr std::string_view kField = ",i=";
  const std::size_t field = challenge.find(kField);
  if (field == std::string_view::npos) return false;
  const std::string_view digits = challenge.substr(field + kField.size());
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) return false;
  int iterations = 0;
  return absl::SimpleAtoi(std::string(digits), &iterations) &&
         iterations <= LoginGuard::kMostIterations;
}

}  // namespace

bool LoginGuard::Allows(std::string_view piece) {
  if (done_) return true;
  unread_.append(piece);
  while (!done_ && problem_.empty() && ReadMessage()) continue;
  if (done_) unread_.clear();
  return problem_.empty();
}

bool LoginGuard::ReadMessage() {
  if (unread_.size() < kHeader) return false;
  const std::size_t length = NumberAt(unread_, 1);
  if (length < kLengthBytes || length > kMostBytes) {
    // An error of a very old server has no length. libpq gives the login up after any error.
    done_ = unread_[0] == 'E';
    if (!done_) problem_ = "it sends no message of PostgreSQL";
    return false;
  }
  if (unread_.size() < 1 + length) return false;
  const std::string_view body = std::string_view(unread_).substr(kHeader, length - kLengthBytes);
  if (unread_[0] == kAuthentication) ReadRequest(body);
  unread_.erase(0, 1 + length);
  return true;
}

void LoginGuard::ReadRequest(std::string_view body) {
  if (body.size() < 4) {
    problem_ = "it asks for a login in a message that is too short";
    return;
  }
  const std::uint32_t request = NumberAt(body, 0);
  switch (request) {
    case kOk:
      done_ = true;
      return;
    case kSasl:
    case kSaslFinal:
      return;
    case kSaslContinue:
      if (HasFewIterations(body.substr(4))) return;
      problem_ = absl::StrCat("it asks for more than ", kMostIterations, " iterations of SCRAM");
      return;
    default:
      problem_ = absl::StrCat("it asks for ", NameOf(request),
                              ", which could give the password away without a verified TLS");
      return;
  }
}

}  // namespace failover::postgres::internal

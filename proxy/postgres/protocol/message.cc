#include "proxy/postgres/protocol/message.h"

#include <algorithm>

namespace postgres_proxy {
namespace {

constexpr std::size_t kLengthSize = 4;
// The servers' own limit: no message has more bytes.
constexpr std::uint32_t kLongestMessage = 0x3fffffff;

}  // namespace

void PutU16(std::uint16_t value, std::string& out) {
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value));
}

void PutU32(std::uint32_t value, std::string& out) {
  PutU16(static_cast<std::uint16_t>(value >> 16), out);
  PutU16(static_cast<std::uint16_t>(value), out);
}

void PutText(std::string_view text, std::string& out) {
  out.append(text);
  out.push_back('\0');
}

void PutMessage(char type, std::string_view body, std::string& out) {
  out.push_back(type);
  PutU32(static_cast<std::uint32_t>(body.size() + kLengthSize), out);
  out.append(body);
}

void PutReady(char status, std::string& out) {
  PutMessage(backend::kReadyForQuery, std::string_view(&status, 1), out);
}

std::uint32_t U32At(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::string_view BodyReader::Take(std::size_t count) {
  if (!ok_ || count > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  const std::string_view taken = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return taken;
}

std::uint8_t BodyReader::U8() {
  const std::string_view bytes = Take(1);
  return ok_ ? static_cast<std::uint8_t>(bytes[0]) : std::uint8_t{0};
}

std::uint16_t BodyReader::U16() {
  const std::string_view bytes = Take(2);
  if (!ok_) return 0;
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[0]) << 8 |
                                    static_cast<unsigned char>(bytes[1]));
}

std::uint32_t BodyReader::U32() {
  const std::string_view bytes = Take(4);
  return ok_ ? U32At(bytes) : 0;
}

std::string_view BodyReader::Text() {
  const std::size_t end = rest_.find('\0');
  if (end == std::string_view::npos) {
    Take(rest_.size() + 1);
    return {};
  }
  const std::string_view text = Take(end + 1);
  return text.substr(0, end);
}

MessageCutter::State MessageCutter::Feed(std::string_view& input, std::string& out) {
  if (!inside()) has_header_ = false;
  while (header_size_ < kHeaderSize) {
    if (input.empty()) return State::kNeedsMore;
    header_[header_size_++] = input[0];
    out.push_back(input[0]);
    input.remove_prefix(1);
    if (header_size_ < kHeaderSize) continue;
    const std::uint32_t length = U32At(std::string_view(header_ + 1, kLengthSize));
    if (length < kLengthSize || length > kLongestMessage) return State::kMalformed;
    body_size_ = missing_ = length - kLengthSize;
    has_header_ = true;
  }
  const std::size_t count = std::min(missing_, input.size());
  out.append(input.substr(0, count));
  input.remove_prefix(count);
  missing_ -= count;
  if (missing_ > 0) return State::kNeedsMore;
  header_size_ = 0;
  return State::kComplete;
}

}  // namespace postgres_proxy

#include "proxy/mysql/protocol/codec.h"

#include <algorithm>

#include "proxy/mysql/protocol/constants.h"

namespace mysql_proxy {

std::uint64_t PacketReader::Integer(std::size_t bytes) {
  const std::string_view field = Bytes(bytes);
  std::uint64_t value = 0;
  for (std::size_t i = field.size(); i > 0; --i) {
    value = value << 8 | static_cast<std::uint8_t>(field[i - 1]);
  }
  return value;
}

std::uint64_t PacketReader::LengthEncoded() {
  const std::uint8_t first = U8();
  switch (first) {
    case 0xfc:
      return Integer(2);
    case 0xfd:
      return Integer(3);
    case 0xfe:
      return Integer(8);
    case 0xfb:  // This byte stands for NULL in a row.
    case 0xff:  // This byte begins an error packet.
      Fail();
      return 0;
    default:
      return first;
  }
}

std::string_view PacketReader::Bytes(std::size_t count) {
  if (count > left_.size()) {
    Fail();
    return {};
  }
  const std::string_view bytes = left_.substr(0, count);
  left_.remove_prefix(count);
  return bytes;
}

std::string_view PacketReader::LengthEncodedString() {
  const std::uint64_t length = LengthEncoded();
  if (length > left_.size()) {
    Fail();
    return {};
  }
  return Bytes(static_cast<std::size_t>(length));
}

std::string_view PacketReader::ZeroTerminated() {
  const std::size_t end = left_.find('\0');
  if (end == std::string_view::npos) {
    Fail();
    return {};
  }
  const std::string_view text = Bytes(end);
  Bytes(1);
  return text;
}

void PacketReader::Fail() {
  ok_ = false;
  left_ = {};
}

void PutInteger(std::uint64_t value, std::size_t bytes, std::string& out) {
  for (std::size_t i = 0; i < bytes; ++i) {
    out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
  }
}

void PutLengthEncoded(std::uint64_t value, std::string& out) {
  if (value < 0xfb) {
    PutInteger(value, 1, out);
  } else if (value <= 0xffff) {
    out.push_back('\xfc');
    PutInteger(value, 2, out);
  } else if (value <= 0xffffff) {
    out.push_back('\xfd');
    PutInteger(value, 3, out);
  } else {
    out.push_back('\xfe');
    PutInteger(value, 8, out);
  }
}

void PutLengthEncodedString(std::string_view value, std::string& out) {
  PutLengthEncoded(value.size(), out);
  out.append(value);
}

void PutZeroTerminated(std::string_view value, std::string& out) {
  out.append(value);
  out.push_back('\0');
}

void PatchU32(std::uint32_t value, std::size_t offset, std::string& bytes) {
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[offset + i] = static_cast<char>(value >> (8 * i) & 0xff);
  }
}

void PutPacket(std::string_view payload, std::uint8_t& sequence, std::string& out) {
  std::size_t length;
  do {
    length = std::min(payload.size(), kMaxFrameLength);
    PutInteger(length, 3, out);
    PutInteger(sequence++, 1, out);
    out.append(payload.substr(0, length));
    payload.remove_prefix(length);
  } while (length == kMaxFrameLength);
}

}  // namespace mysql_proxy

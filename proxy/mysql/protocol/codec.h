// Reads and writes the fields of packets: little-endian integers and MySQL's kinds of strings.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_CODEC_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mysql_proxy {

// Reads a payload from front to back, and never beyond its end. A missing field reads as zero or as
// empty, and ok() is false from then on. So a caller reads all fields and then asks ok() once.
//
// The reader does not own the bytes, and the returned texts refer to them. Not thread-safe.
class PacketReader {
 public:
  explicit PacketReader(std::string_view bytes) : left_(bytes) {}

  std::uint8_t U8() { return static_cast<std::uint8_t>(Integer(1)); }
  std::uint16_t U16() { return static_cast<std::uint16_t>(Integer(2)); }
  std::uint32_t U32() { return static_cast<std::uint32_t>(Integer(4)); }
  std::uint64_t LengthEncoded();

  std::string_view Bytes(std::size_t count);
  std::string_view LengthEncodedString();
  // The text up to the next zero byte. The zero byte is skipped.
  std::string_view ZeroTerminated();
  // All bytes that are left.
  std::string_view Rest() { return Bytes(left_.size()); }

  bool ok() const { return ok_; }
  std::size_t left() const { return left_.size(); }

 private:
  std::uint64_t Integer(std::size_t bytes);
  void Fail();

  std::string_view left_;
  bool ok_ = true;
};

// Each Put function appends one field to `out`. PutInteger writes the lowest `bytes` bytes of
// `value`.
void PutInteger(std::uint64_t value, std::size_t bytes, std::string& out);
void PutLengthEncoded(std::uint64_t value, std::string& out);
void PutLengthEncodedString(std::string_view value, std::string& out);
void PutZeroTerminated(std::string_view value, std::string& out);

// Replaces the four bytes at `offset`, which must exist, by `value`.
void PatchU32(std::uint32_t value, std::size_t offset, std::string& bytes);

// Appends `payload` in as many frames as its length needs. `sequence` is the number of the first
// frame, and afterwards the number behind that of the last frame.
void PutPacket(std::string_view payload, std::uint8_t& sequence, std::string& out);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_CODEC_H_

// A plain client of the proxy: splits its bytes into packets, and checks that the packets are a
// reply. The client shares no code with the ReplyStream that it judges, but for the PacketReader.
#ifndef FAILOVER_TESTS_PROOFS_FUZZ_PLAIN_CLIENT_H_
#define FAILOVER_TESTS_PROOFS_FUZZ_PLAIN_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/reply_stream.h"

namespace mysql_proxy {

struct Packets {
  bool whole = true;     // No piece of a packet is left over.
  bool in_order = true;  // The sequence numbers follow each other.
  std::vector<std::string> payloads;
};

inline Packets Split(std::string_view wire, std::uint8_t sequence) {
  Packets packets;
  bool continues = false;
  while (!wire.empty()) {
    PacketReader header(wire.substr(0, kFrameHeaderLength));
    const std::uint32_t fields = header.U32();
    const std::size_t length = fields & kMaxFrameLength;
    if (!header.ok() || wire.size() < kFrameHeaderLength + length) {
      packets.whole = false;
      return packets;
    }
    packets.in_order = packets.in_order && fields >> 24 == sequence++;
    if (!continues) packets.payloads.emplace_back();
    packets.payloads.back() += wire.substr(kFrameHeaderLength, length);
    continues = length == kMaxFrameLength;
    wire.remove_prefix(kFrameHeaderLength + length);
  }
  packets.whole = !continues;
  return packets;
}

// Reads the packets of one reply from first to last, in the dialect without kDeprecateEof.
class Client {
 public:
  explicit Client(std::vector<std::string> packets) : packets_(std::move(packets)) {}

  bool IsWholeReply(ReplyKind kind) {
    const bool read = kind == ReplyKind::kText       ? Take().has_value()
                      : kind == ReplyKind::kPrepared ? Prepared()
                                                     : Results();
    return read && next_ == packets_.size();
  }

 private:
  std::optional<std::string> Take() {
    if (next_ == packets_.size()) return std::nullopt;
    return packets_[next_++];
  }
  static bool Begins(const std::string& packet, std::uint8_t header) {
    return !packet.empty() && static_cast<std::uint8_t>(packet[0]) == header;
  }

  // Takes `count` column definitions and an EOF. An error may stand in place of any of them.
  bool Definitions(std::uint64_t count, bool* failed) {
    for (; count > 0; --count) {
      const std::optional<std::string> packet = Take();
      if (!packet.has_value()) return false;
      if (Begins(*packet, kErrorHeader)) return *failed = true;
    }
    const std::optional<std::string> end = Take();
    if (end.has_value() && Begins(*end, kErrorHeader)) return *failed = true;
    if (!end.has_value() || !Begins(*end, kEofHeader) || end->size() != 5) return false;
    // Only the EOF behind the rows tells that more results follow.
    PacketReader reader(*end);
    reader.Bytes(3);
    return (reader.U16() & server_status::kMoreResults) == 0;
  }

  bool Prepared() {
    const std::optional<std::string> first = Take();
    if (!first.has_value() || !Begins(*first, kOkHeader)) return false;
    PacketReader reader(*first);
    reader.U8();
    reader.U32();
    const std::uint16_t columns = reader.U16();
    const std::uint16_t parameters = reader.U16();
    bool failed = false;
    for (const std::uint16_t count : {parameters, columns}) {
      if (!failed && count > 0 && !Definitions(count, &failed)) return false;
    }
    return reader.ok();
  }

  bool Results() {
    for (bool more = true; more;) {
      const std::optional<std::string> first = Take();
      if (!first.has_value()) return false;
      if (Begins(*first, kErrorHeader)) return true;
      PacketReader reader(*first);
      std::uint16_t status = 0;
      if (Begins(*first, kOkHeader)) {
        const std::optional<OkPacket> ok = ParseOk(*first);
        if (!ok.has_value()) return false;
        status = ok->status;
      } else {
        const std::uint64_t columns = reader.LengthEncoded();
        bool failed = false;
        if (columns == 0 || !Definitions(columns, &failed)) return false;
        if (failed || !Rows(&status)) return failed || ended_by_error_;
      }
      more = (status & server_status::kMoreResults) != 0;
    }
    return true;
  }

  bool Rows(std::uint16_t* status) {
    while (true) {
      const std::optional<std::string> row = Take();
      if (!row.has_value()) return false;
      if (Begins(*row, kErrorHeader)) {
        ended_by_error_ = true;
        return false;
      }
      if (!Begins(*row, kEofHeader) || row->size() != 5) continue;
      PacketReader reader(*row);
      reader.Bytes(3);
      *status = reader.U16();
      return true;
    }
  }

  const std::vector<std::string> packets_;
  std::size_t next_ = 0;
  bool ended_by_error_ = false;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_TESTS_PROOFS_FUZZ_PLAIN_CLIENT_H_

// Puts the packets of a peer together from the bytes that arrive.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_PACKET_ASSEMBLER_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_PACKET_ASSEMBLER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/mysql/protocol/constants.h"

namespace mysql_proxy {

// Reads one packet after the other, each of any number of frames. The memory in use grows with the
// bytes that have arrived, never with the length that the peer claims. Not thread-safe.
class PacketAssembler {
 public:
  enum class State : std::uint8_t {
    kNeedsMore,
    kComplete,
    // After kTooLarge and kOutOfOrder, Feed must not be called again.
    kTooLarge,    // The payload is longer than `max_length`.
    kOutOfOrder,  // A frame has another sequence number than the next.
  };

  // `max_length` counts the bytes of one payload.
  explicit PacketAssembler(std::size_t max_length) : max_length_(max_length) {}

  // The limit for the packets that begin later.
  void set_max_length(std::size_t max_length) { max_length_ = max_length; }

  // How many bytes are certain to belong to the packet at hand. After kNeedsMore at least 1.
  std::size_t wanted() const {
    return header_bytes_ < kFrameHeaderLength ? kFrameHeaderLength - header_bytes_ : frame_left_;
  }

  // Forgets the last packet. The first frame of the next packet has the number `sequence`.
  void Start(std::uint8_t sequence);

  // Takes bytes from the front of `bytes` until the packet is complete or no bytes are left.
  State Feed(std::string_view& bytes);

  // The payload of the packet, once the state is kComplete. The caller may take the payload away.
  std::string& packet() { return packet_; }
  // The sequence number of the first frame of an answer to the packet.
  std::uint8_t next_sequence() const { return sequence_; }

 private:
  State FinishHeader();

  std::size_t max_length_;
  std::string packet_;
  std::uint8_t sequence_ = 0;

  char header_[kFrameHeaderLength] = {};
  std::size_t header_bytes_ = 0;  // Bytes of the header at hand that have come.
  std::size_t frame_left_ = 0;    // Bytes of the frame at hand that are still to come.
  bool last_frame_ = false;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_PACKET_ASSEMBLER_H_

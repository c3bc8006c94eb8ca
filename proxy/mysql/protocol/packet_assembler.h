// Puts a peer's packets together from the bytes that arrive.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_PACKET_ASSEMBLER_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_PACKET_ASSEMBLER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/mysql/protocol/constants.h"

namespace mysql_proxy {

// One packet after the other, of any number of frames. Memory grows with the bytes that have
// arrived, never with the length that a peer claims.
class PacketAssembler {
 public:
  enum class State : std::uint8_t {
    kNeedsMore,
    kComplete,
    // After these two nothing more may be fed:
    kTooLarge,    // more than `max_length`
    kOutOfOrder,  // a sequence number that was not due
  };

  explicit PacketAssembler(std::size_t max_length) : max_length_(max_length) {}

  // For the packets from the next one on.
  void set_max_length(std::size_t max_length) { max_length_ = max_length; }

  // Forgets the last packet. The next one's first frame has this sequence number.
  void Start(std::uint8_t sequence);

  // Takes bytes from the front of `bytes` until the packet is complete or they are used up.
  State Feed(std::string_view& bytes);

  // The payload, once complete.
  std::string& packet() { return packet_; }
  // The number that an answer begins with.
  std::uint8_t next_sequence() const { return sequence_; }

 private:
  State FinishHeader();

  std::size_t max_length_;
  std::string packet_;
  std::uint8_t sequence_ = 0;

  char header_[kFrameHeaderLength] = {};
  std::size_t header_bytes_ = 0;  // of the frame at hand, so far
  std::size_t frame_left_ = 0;    // bytes of its payload that are still to come
  bool last_frame_ = false;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_PACKET_ASSEMBLER_H_

#include "proxy/mysql/protocol/packet_assembler.h"

#include <algorithm>

#include "proxy/mysql/protocol/codec.h"

namespace mysql_proxy {
namespace {

// The number is in bytes. A session that once sent a large packet does not keep the memory of that
// packet for ever.
constexpr std::size_t kMemoryToKeep = std::size_t{64} << 10;

}  // namespace

void PacketAssembler::Start(std::uint8_t sequence) {
  if (packet_.capacity() > kMemoryToKeep) {
    packet_ = {};
  } else {
    packet_.clear();
  }
  sequence_ = sequence;
  header_bytes_ = 0;
}

PacketAssembler::State PacketAssembler::Feed(std::string_view& bytes) {
  while (true) {
    if (header_bytes_ < kFrameHeaderLength) {
      const std::size_t count = std::min(kFrameHeaderLength - header_bytes_, bytes.size());
      std::copy_n(bytes.begin(), count, header_ + header_bytes_);
      header_bytes_ += count;
      bytes.remove_prefix(count);
      if (header_bytes_ < kFrameHeaderLength) return State::kNeedsMore;
      const State state = FinishHeader();
      if (state != State::kNeedsMore) return state;
    }
    const std::size_t count = std::min(frame_left_, bytes.size());
    packet_.append(bytes.substr(0, count));
    frame_left_ -= count;
    bytes.remove_prefix(count);
    if (frame_left_ > 0) return State::kNeedsMore;
    if (last_frame_) return State::kComplete;
    header_bytes_ = 0;
  }
}

PacketAssembler::State PacketAssembler::FinishHeader() {
  PacketReader reader(std::string_view(header_, kFrameHeaderLength));
  const std::uint32_t length = reader.U32() & kMaxFrameLength;
  const auto sequence = static_cast<std::uint8_t>(header_[3]);
  if (sequence != sequence_) return State::kOutOfOrder;
  ++sequence_;
  if (length > max_length_ - packet_.size()) return State::kTooLarge;
  frame_left_ = length;
  last_frame_ = length < kMaxFrameLength;
  return State::kNeedsMore;
}

}  // namespace mysql_proxy

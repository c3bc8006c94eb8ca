#include "proxy/mysql/protocol/packet_assembler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "packets.h"

namespace mysql_proxy {
namespace {

using State = PacketAssembler::State;

TEST(PacketAssemblerTest, BytesMayComeOneByOne) {
  const std::string wire = Framed(0, "hello") + Framed(0, "you");
  PacketAssembler assembler(100);
  std::vector<std::string> packets;
  assembler.Start(0);
  for (const char byte : wire) {
    std::string_view bytes(&byte, 1);
    if (assembler.Feed(bytes) == State::kComplete) {
      packets.push_back(assembler.packet());
      assembler.Start(0);
    }
    EXPECT_TRUE(bytes.empty());
  }
  EXPECT_THAT(packets, testing::ElementsAre("hello", "you"));
}

// An empty view may have no address at all.
TEST(PacketAssemblerTest, NothingMayCome) {
  PacketAssembler assembler(100);
  assembler.Start(0);
  std::string_view nothing;
  EXPECT_EQ(assembler.Feed(nothing), State::kNeedsMore);
}

TEST(PacketAssemblerTest, WhatFollowsThePacketIsLeft) {
  const std::string wire = Framed(0, "a") + Framed(0, "b");
  std::string_view bytes = wire;
  PacketAssembler assembler(100);
  assembler.Start(0);
  EXPECT_EQ(assembler.Feed(bytes), State::kComplete);
  EXPECT_EQ(assembler.packet(), "a");
  EXPECT_EQ(assembler.next_sequence(), 1);
  EXPECT_EQ(bytes, Framed(0, "b"));
}

TEST(PacketAssemblerTest, FramesOfOnePacketAreJoined) {
  const std::string payload(kMaxFrameLength + 3, 'x');
  const std::string wire = Framed(0, payload);
  std::string_view bytes = wire;
  PacketAssembler assembler(payload.size());
  assembler.Start(0);
  EXPECT_EQ(assembler.Feed(bytes), State::kComplete);
  EXPECT_EQ(assembler.packet(), payload);
  EXPECT_EQ(assembler.next_sequence(), 2);
}

TEST(PacketAssemblerTest, AnEmptyPacketIsComplete) {
  const std::string wire = Framed(3, "");
  std::string_view bytes = wire;
  PacketAssembler assembler(0);
  assembler.Start(3);
  EXPECT_EQ(assembler.Feed(bytes), State::kComplete);
  EXPECT_EQ(assembler.packet(), "");
}

TEST(PacketAssemblerTest, AWrongSequenceNumberIsFound) {
  const std::string wire = Framed(1, "a");
  std::string_view bytes = wire;
  PacketAssembler assembler(100);
  assembler.Start(0);
  EXPECT_EQ(assembler.Feed(bytes), State::kOutOfOrder);
}

TEST(PacketAssemblerTest, AClaimedLengthIsRefusedBeforeItsBytesCome) {
  const std::string wire = Bytes({11, 0, 0, 0});
  std::string_view bytes = wire;
  PacketAssembler assembler(10);
  assembler.Start(0);
  EXPECT_EQ(assembler.Feed(bytes), State::kTooLarge);
}

TEST(PacketAssemblerTest, AClaimedLengthReservesNothing) {
  const std::string wire = Bytes({0xfe, 0xff, 0xff, 0});
  std::string_view bytes = wire;
  PacketAssembler assembler(kMaxFrameLength);
  assembler.Start(0);
  EXPECT_EQ(assembler.Feed(bytes), State::kNeedsMore);
  EXPECT_LT(assembler.packet().capacity(), 1000u);
}

TEST(PacketAssemblerTest, TheLimitIsForAllFramesTogether) {
  std::string wire = Framed(0, std::string(kMaxFrameLength, 'x'));
  wire.replace(kFrameHeaderLength + kMaxFrameLength, kFrameHeaderLength, Bytes({2, 0, 0, 1}));
  std::string_view bytes = wire;
  PacketAssembler assembler(kMaxFrameLength + 1);
  assembler.Start(0);
  EXPECT_EQ(assembler.Feed(bytes), State::kTooLarge);
}

}  // namespace
}  // namespace mysql_proxy

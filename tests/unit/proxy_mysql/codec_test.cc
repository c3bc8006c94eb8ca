#include "proxy/mysql/protocol/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "packets.h"
#include "proxy/mysql/protocol/constants.h"

namespace mysql_proxy {
namespace {

TEST(PacketReaderTest, IntegersAreLittleEndian) {
  const std::string bytes = Bytes({1, 2, 1, 4, 3, 2, 1});
  PacketReader reader(bytes);
  EXPECT_EQ(reader.U8(), 1);
  EXPECT_EQ(reader.U16(), 0x0102);
  EXPECT_EQ(reader.U32(), 0x01020304u);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.left(), 0u);
}

TEST(PacketReaderTest, LengthEncodedIntegersComeBackAsTheyWereWritten) {
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{250}, std::uint64_t{251}, std::uint64_t{0xffff},
        std::uint64_t{0x10000}, std::uint64_t{0xffffff}, std::uint64_t{0x1000000},
        ~std::uint64_t{0}}) {
    std::string bytes;
    PutLengthEncoded(value, bytes);
    PacketReader reader(bytes);
    EXPECT_EQ(reader.LengthEncoded(), value);
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.left(), 0u);
  }
}

TEST(PacketReaderTest, WhatIsMissingFailsForGood) {
  const std::string bytes = Bytes({1, 2, 3});
  PacketReader reader(bytes);
  EXPECT_EQ(reader.U32(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.U8(), 0) << "what is there must not be read out of place";
  EXPECT_FALSE(reader.ok());
}

TEST(PacketReaderTest, AStringLongerThanThePacketFails) {
  for (const std::string& bytes :
       {Bytes({5, 'a', 'b'}), Bytes({0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'a'}),
        Bytes({0xfc, 1}), Bytes({0xfb}), Bytes({0xff}), Bytes({})}) {
    PacketReader reader(bytes);
    EXPECT_EQ(reader.LengthEncodedString(), "");
    EXPECT_FALSE(reader.ok());
  }
}

TEST(PacketReaderTest, AStringWithoutItsZeroFails) {
  PacketReader reader("abc");
  EXPECT_EQ(reader.ZeroTerminated(), "");
  EXPECT_FALSE(reader.ok());
}

TEST(PutPacketTest, APayloadOfWholeFramesEndsWithAnEmptyOne) {
  const std::string payload(kMaxFrameLength, 'x');
  std::uint8_t sequence = 255;
  std::string out;
  PutPacket(payload, sequence, out);
  ASSERT_EQ(out.size(), payload.size() + 2 * kFrameHeaderLength);
  EXPECT_EQ(out.substr(0, 4), Bytes({0xff, 0xff, 0xff, 255}));
  EXPECT_EQ(out.substr(out.size() - 4), Bytes({0, 0, 0, 0})) << "sequence numbers wrap around";
  EXPECT_EQ(sequence, 1);
}

}  // namespace
}  // namespace mysql_proxy

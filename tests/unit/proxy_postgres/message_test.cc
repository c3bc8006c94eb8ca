#include "proxy/postgres/protocol/message.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace postgres_proxy {
namespace {

using State = MessageCutter::State;

std::string Message(char type, std::string_view body) {
  std::string out;
  PutMessage(type, body, out);
  return out;
}

TEST(BodyReaderTest, ReadsInOrder) {
  const std::string body("\x01\x00\x02\x00\x00\x00\x03text\0rest", 16);
  BodyReader reader(body);
  EXPECT_EQ(reader.U8(), 1);
  EXPECT_EQ(reader.U16(), 2);
  EXPECT_EQ(reader.U32(), 3u);
  EXPECT_EQ(reader.Text(), "text");
  EXPECT_EQ(reader.Rest(), "rest");
  EXPECT_TRUE(reader.ok());
}

TEST(BodyReaderTest, GivesNothingBehindTheEnd) {
  BodyReader reader("abc");
  EXPECT_EQ(reader.U32(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.U8(), 0);
  EXPECT_EQ(reader.Text(), "");
}

TEST(BodyReaderTest, ATextNeedsItsEnd) {
  BodyReader reader("abc");
  EXPECT_EQ(reader.Text(), "");
  EXPECT_FALSE(reader.ok());
}

TEST(MessageCutterTest, CutsTwoMessagesOfOneInput) {
  const std::string both = Message('C', "one") + Message('Z', "I");
  MessageCutter cutter;
  std::string_view input = both;
  std::string out;
  EXPECT_EQ(cutter.Feed(input, out), State::kComplete);
  EXPECT_EQ(cutter.type(), 'C');
  EXPECT_EQ(out, Message('C', "one"));
  EXPECT_EQ(cutter.Feed(input, out), State::kComplete);
  EXPECT_EQ(cutter.type(), 'Z');
  EXPECT_EQ(out, both);
  EXPECT_TRUE(input.empty());
}

TEST(MessageCutterTest, TakesAMessageByteByByte) {
  const std::string message = Message('D', std::string(300, 'x'));
  MessageCutter cutter;
  std::string out;
  for (std::size_t i = 0; i < message.size(); ++i) {
    std::string_view input = std::string_view(message).substr(i, 1);
    const bool last = i + 1 == message.size();
    EXPECT_EQ(cutter.Feed(input, out), last ? State::kComplete : State::kNeedsMore);
    EXPECT_EQ(cutter.inside(), !last);
    EXPECT_EQ(cutter.has_header(), i + 1 >= kHeaderSize);
  }
  EXPECT_EQ(out, message);
}

TEST(MessageCutterTest, AnEmptyBodyIsAMessage) {
  const std::string message = Message('S', "");
  MessageCutter cutter;
  std::string_view input = message;
  std::string out;
  EXPECT_EQ(cutter.Feed(input, out), State::kComplete);
  EXPECT_EQ(cutter.body_size(), 0u);
}

TEST(MessageCutterTest, ALengthThatCannotBeIsMalformed) {
  for (const std::string_view length :
       {std::string_view("\0\0\0\0", 4), std::string_view("\0\0\0\3", 4),
        std::string_view("\x40\0\0\0", 4), std::string_view("\xff\xff\xff\xff", 4)}) {
    const std::string bytes = std::string("Q").append(length);
    MessageCutter cutter;
    std::string_view input = bytes;
    std::string out;
    EXPECT_EQ(cutter.Feed(input, out), State::kMalformed);
  }
}

TEST(MessageCutterTest, KeepsNothingOfALongBody) {
  MessageCutter cutter;
  std::string header("d\x3f\xff\xff\xff", 5);
  std::string_view input = header;
  std::string out;
  EXPECT_EQ(cutter.Feed(input, out), State::kNeedsMore);
  EXPECT_EQ(cutter.body_size(), 0x3ffffffbu);
  out.clear();
  const std::string piece(1000, 'x');
  input = piece;
  EXPECT_EQ(cutter.Feed(input, out), State::kNeedsMore);
  EXPECT_EQ(out, piece);
}

}  // namespace
}  // namespace postgres_proxy

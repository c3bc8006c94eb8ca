#include "proxy/postgres/protocol/startup.h"

#include <gtest/gtest.h>

#include <string>

#include "proxy/postgres/protocol/message.h"

namespace postgres_proxy {
namespace {

using Kind = Startup::Kind;

std::string Packet(std::uint32_t code, const std::string& body) {
  std::string packet;
  PutU32(static_cast<std::uint32_t>(8 + body.size()), packet);
  PutU32(code, packet);
  return packet + body;
}

TEST(StartupTest, ASessionHasItsParameters) {
  const Startup startup = ParseStartup(BuildStartup({{"user", "app"}, {"options", "-c a=b"}}));
  ASSERT_EQ(startup.kind, Kind::kSession);
  EXPECT_EQ(startup.minor_version, 0);
  EXPECT_EQ(startup.Find("user"), "app");
  EXPECT_EQ(startup.Find("options"), "-c a=b");
  EXPECT_EQ(startup.Find("database"), "");
  EXPECT_TRUE(startup.protocol_options.empty());
}

TEST(StartupTest, BugOfAParameterThatCameTwiceTheFirstWasChecked) {
  EXPECT_EQ(ParseStartup(BuildStartup({{"user", "alice"}, {"a", "b"}, {"user", "bob"}})).repeated,
            "user");
  EXPECT_EQ(ParseStartup(BuildStartup({{"user", "alice"}, {"a", "alice"}})).repeated, "");
}

TEST(StartupTest, OptionsOfTheProtocolAreNoParameters) {
  const std::string body("_pq_.x\0on\0user\0app\0", 19);
  const Startup startup = ParseStartup(Packet(3 << 16 | 2, body + '\0'));
  ASSERT_EQ(startup.kind, Kind::kSession);
  EXPECT_EQ(startup.minor_version, 2);
  EXPECT_EQ(startup.protocol_options, std::vector<std::string>{"_pq_.x"});
  EXPECT_EQ(startup.parameters.size(), 1u);
}

TEST(StartupTest, KnowsTheOtherPackets) {
  EXPECT_EQ(ParseStartup(BuildTlsRequest()).kind, Kind::kTls);
  EXPECT_EQ(ParseStartup(Packet(80877104, "")).kind, Kind::kGssapi);
  const Startup cancel = ParseStartup(BuildCancel({77, 0xdeadbeef}));
  EXPECT_EQ(cancel.kind, Kind::kCancel);
  EXPECT_EQ(cancel.cancel, (CancelKey{77, 0xdeadbeef}));
  EXPECT_EQ(ParseStartup(Packet(2 << 16, std::string(288, '\0'))).kind, Kind::kOldProtocol);
  EXPECT_EQ(ParseStartup(Packet(4 << 16, "")).kind, Kind::kOldProtocol);
}

TEST(StartupTest, WhatMakesNoSenseIsMalformed) {
  for (const std::string& packet :
       {std::string(), std::string("\0\0\0\4", 4), Packet(80877103, "x"), Packet(80877102, "1234"),
        Packet(3 << 16, ""), Packet(3 << 16, "user"), Packet(3 << 16, std::string("user\0", 5)),
        Packet(3 << 16, std::string("user\0app\0\0x", 11)), BuildTlsRequest() + "x"}) {
    EXPECT_EQ(ParseStartup(packet).kind, Kind::kMalformed) << packet.size();
  }
}

TEST(StartupTest, TheLengthHasLimits) {
  const auto length_of = [](std::uint32_t length) {
    std::string header;
    PutU32(length, header);
    return StartupLength(header + std::string(4, '\0'));
  };
  EXPECT_EQ(length_of(7), 0u);
  EXPECT_EQ(length_of(8), 8u);
  EXPECT_EQ(length_of(10000), 10000u);
  EXPECT_EQ(length_of(10001), 0u);
  EXPECT_EQ(length_of(0xffffffff), 0u);
}

TEST(StartupTest, TheVersionIsNegotiated) {
  std::string out;
  PutNegotiateVersion({"_pq_.x"}, out);
  EXPECT_EQ(out, std::string("v\0\0\0\x13\0\0\0\0\0\0\0\1_pq_.x\0", 20));
}

}  // namespace
}  // namespace postgres_proxy

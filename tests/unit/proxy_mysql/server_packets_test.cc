#include "proxy/mysql/protocol/server_packets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "packets.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/session_track.h"

namespace mysql_proxy {
namespace {

TEST(OkPacketTest, SessionChangesArePassedOnOrTakenOut) {
  OkPacket ok;
  ok.affected_rows = 300;
  ok.insert_id = 70000;
  ok.status = server_status::kAutocommit | server_status::kSessionStateChanged;
  ok.warnings = 2;
  ok.info = "Rows matched: 1";
  std::string wire = BuildOk(ok);
  // This server reports changes: the status says so, and the changes follow.
  wire[1 + 3 + 4 + 1] = static_cast<char>(server_status::kSessionStateChanged >> 8);
  PutLengthEncodedString(SchemaReport("shop"), wire);

  const std::optional<OkPacket> read = ParseOk(wire);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->affected_rows, 300u);
  EXPECT_EQ(read->insert_id, 70000u);
  EXPECT_EQ(read->status, ok.status);
  EXPECT_EQ(read->warnings, 2);
  EXPECT_EQ(read->info, "Rows matched: 1");
  EXPECT_EQ(read->session_changes, SchemaReport("shop"));
  EXPECT_EQ(ParseOk(BuildOk(*read))->session_changes, SchemaReport("shop"));
  OkPacket without = *read;
  without.session_changes = {};
  EXPECT_EQ(ParseOk(BuildOk(without))->session_changes, "");
  EXPECT_EQ(ParseOk(BuildOk(without))->status, server_status::kAutocommit);
  EXPECT_EQ(static_cast<std::uint8_t>(BuildOk(without, kEofHeader)[0]), kEofHeader);
}

TEST(OkPacketTest, EveryBeginningOfItIsMalformed) {
  const std::string wire = ServerOk(0, 0x4002, StateReport());
  ASSERT_TRUE(ParseOk(wire).has_value());
  for (std::size_t length = 0; length < wire.size(); ++length) {
    EXPECT_FALSE(ParseOk(wire.substr(0, length)).has_value()) << length;
  }
}

TEST(ErrorPacketTest, ComesBackAsItWasBuilt) {
  const failover::mysql::MysqlError sent{1290, "HY000", "--read-only"};
  const auto read = ParseError(BuildError(sent));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->number, 1290u);
  EXPECT_EQ(read->sqlstate, "HY000");
  EXPECT_EQ(read->text, "--read-only");
}

TEST(ErrorPacketTest, BeforeTheHandshakeItHasNoSqlstate) {
  const auto read = ParseError(Bytes({0xff, 0x10, 0x04}) + "Too many connections");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->number, 1040u);
  EXPECT_EQ(read->sqlstate, "");
  EXPECT_EQ(read->text, "Too many connections");
}

// MariaDB 10.11 sent all these packets.
TEST(SessionTrackTest, ReadsWhatAServerReports) {
  const auto changes =
      ParseSessionChanges(VariableReport("sql_mode", "ANSI") + SchemaReport("shop") +
                          StateReport() + TransactionReport("T___W___") +
                          CharacteristicsReport("START TRANSACTION;") + Report(3, "a GTID"));
  ASSERT_TRUE(changes.has_value());
  EXPECT_THAT(changes->variables, testing::ElementsAre(testing::Pair("sql_mode", "ANSI")));
  EXPECT_EQ(changes->schema, "shop");
  EXPECT_TRUE(changes->state);
  EXPECT_EQ(changes->transaction_characteristics, "START TRANSACTION;");
  EXPECT_EQ(changes->tables_locked, false);
  EXPECT_EQ(ParseSessionChanges(TransactionReport("_______L"))->tables_locked, true);
}

TEST(SessionTrackTest, WhatIsNotReportedIsNotSet) {
  const auto changes = ParseSessionChanges("");
  ASSERT_TRUE(changes.has_value());
  EXPECT_TRUE(changes->variables.empty());
  EXPECT_EQ(changes->schema, std::nullopt);
  EXPECT_FALSE(changes->state);
  EXPECT_EQ(changes->transaction_characteristics, std::nullopt);
  EXPECT_EQ(changes->tables_locked, std::nullopt);
}

TEST(SessionTrackTest, EveryBeginningOfAReportIsMalformed) {
  const std::string report = VariableReport("sql_mode", "ANSI");
  for (std::size_t length = 1; length < report.size(); ++length) {
    EXPECT_FALSE(ParseSessionChanges(report.substr(0, length)).has_value()) << length;
  }
}

}  // namespace
}  // namespace mysql_proxy

#include "proxy/mysql/protocol/reply_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "packets.h"
#include "proxy/mysql/protocol/constants.h"

namespace mysql_proxy {
namespace {

using Progress = ReplyStream::Progress;
using testing::ElementsAre;

constexpr int kOk = 0x00;
constexpr int kEnd = 0xfe;
constexpr int kChanged = 0x4002;
constexpr int kMore = 0x000a;

class Recorder final : public ReplyObserver {
 public:
  void OnOk(const OkPacket& ok) override {
    statuses.push_back(ok.status);
    changes.emplace_back(ok.session_changes);
  }
  failover::mysql::MysqlError OnError(const failover::mysql::MysqlError& error) override {
    errors.push_back(static_cast<int>(error.number));
    return instead.value_or(error);
  }
  void OnPrepared(const PreparedReply& reply) override { prepared = reply; }

  std::optional<failover::mysql::MysqlError> instead;  // OnError returns this error for the client.
  std::vector<int> statuses;
  std::vector<int> errors;
  std::vector<std::string> changes;
  PreparedReply prepared;
};

// The result of feeding the bytes of one reply.
struct Translation {
  Progress progress = Progress::kNeedsMore;
  std::string out;
  Recorder seen;
};

// Feeds `wire` in chunks whose lengths `next_length` gives.
template <typename NextLength>
Translation Translate(const std::string& wire, const ReplyStart& start, NextLength next_length) {
  Translation result;
  ReplyStream stream;
  stream.Begin(start, result.seen);
  std::string_view left = wire;
  while (!left.empty() && result.progress == Progress::kNeedsMore) {
    const std::string_view chunk = left.substr(0, next_length());
    left.remove_prefix(chunk.size());
    result.progress = stream.Feed(chunk, result.out);
    EXPECT_EQ(stream.started(), !result.out.empty());
  }
  return result;
}

Translation Translate(const std::string& wire, const ReplyStart& start = {}) {
  return Translate(wire, start, [&wire] { return wire.size(); });
}

std::string Rows(int first_sequence, const std::vector<std::string>& rows, int end_status) {
  std::string wire;
  for (const std::string& row : rows) wire += Framed(first_sequence++, row);
  return wire + Framed(first_sequence, ServerOk(kEnd, end_status));
}

// A server with kDeprecateEof sends this result of one column with two rows.
std::string ResultOfTwoRows(int end_status = 2) {
  return Framed(1, Bytes({1})) + Framed(2, "column") + Rows(3, {"\x01x", "\x01y"}, end_status);
}
// The client gets the same result in this form.
std::string TranslatedResultOfTwoRows(int end_status = 2) {
  return Framed(1, Bytes({1})) + Framed(2, "column") + Framed(3, Bytes({0xfe, 0, 0, 2, 0})) +
         Framed(4, "\x01x") + Framed(5, "\x01y") +
         Framed(6, Bytes({0xfe, 0, 0, end_status & 0xff, end_status >> 8}));
}

TEST(ReplyStreamTest, AnOkPassesThrough) {
  const std::string wire = Framed(1, ServerOk(kOk, 2));
  const Translation result = Translate(wire);
  EXPECT_EQ(result.progress, Progress::kDone);
  EXPECT_EQ(result.out, wire);
  EXPECT_THAT(result.seen.statuses, ElementsAre(2));
}

TEST(ReplyStreamTest, SessionChangesAreKeptFromTheClient) {
  const Translation result = Translate(Framed(1, ServerOk(kOk, kChanged, SchemaReport("shop"))));
  EXPECT_EQ(result.progress, Progress::kDone);
  EXPECT_EQ(result.out, Framed(1, ServerOk(kOk, 2)));
  EXPECT_THAT(result.seen.changes, ElementsAre(SchemaReport("shop")));
}

TEST(ReplyStreamTest, ColumnsAndRowsGetTheirEnds) {
  const Translation result = Translate(ResultOfTwoRows());
  EXPECT_EQ(result.progress, Progress::kDone);
  EXPECT_EQ(result.out, TranslatedResultOfTwoRows());
}

TEST(ReplyStreamTest, ChangesAtTheEndOfRowsAreSeen) {
  const std::string wire = Framed(1, Bytes({1})) + Framed(2, "column") +
                           Framed(3, ServerOk(kEnd, kChanged, StateReport()));
  const Translation result = Translate(wire);
  EXPECT_EQ(result.progress, Progress::kDone);
  EXPECT_THAT(result.seen.changes, ElementsAre(StateReport()));
  EXPECT_EQ(result.out, Framed(1, Bytes({1})) + Framed(2, "column") +
                            Framed(3, Bytes({0xfe, 0, 0, 2, 0})) +
                            Framed(4, Bytes({0xfe, 0, 0, 2, 0})));
}

TEST(ReplyStreamTest, AReplyMayHaveSeveralResults) {
  const std::string wire =
      ResultOfTwoRows(kMore) + Framed(6, ServerOk(kOk, kMore)) + Framed(7, ServerOk(kOk, 2));
  const Translation result = Translate(wire);
  EXPECT_EQ(result.progress, Progress::kDone);
  EXPECT_EQ(result.out, TranslatedResultOfTwoRows(kMore) + Framed(7, ServerOk(kOk, kMore)) +
                            Framed(8, ServerOk(kOk, 2)));
  EXPECT_THAT(result.seen.statuses, ElementsAre(kMore, kMore, 2));
}

constexpr int kOutParameters = 0x1000;
constexpr int kCursor = 0x0042;

// An EOF packet for a client without kDeprecateEof.
std::string Eof(int sequence, int status, int warnings = 0) {
  return Framed(sequence, Bytes({0xfe, warnings, 0, status & 0xff, status >> 8}));
}

ReplyStart ToExecute(bool to_call) {
  ReplyStart start;
  start.to_execute = true;
  start.to_call = to_call;
  return start;
}

// Columns, one row, and the end.
std::string ResultOfOneRow(int first_sequence, int end_status) {
  return Framed(first_sequence, Bytes({1})) + Framed(first_sequence + 1, "column") +
         Rows(first_sequence + 2, {"\x01x"}, end_status);
}

// libmariadb decides by the EOF behind the columns whether another result follows, and whether the
// row has output parameters.
TEST(ReplyStreamTest, TheEndOfTheColumnsOfACallTellsWhatFollows) {
  const std::string wire = ResultOfTwoRows(kMore) + ResultOfOneRow(6, kMore | kOutParameters) +
                           Framed(10, ServerOk(kOk, 2));
  const std::string expected = Framed(1, Bytes({1})) + Framed(2, "column") + Eof(3, kMore) +
                               Framed(4, "\x01x") + Framed(5, "\x01y") + Eof(6, kMore) +  //
                               Framed(7, Bytes({1})) + Framed(8, "column") +
                               Eof(9, kMore | kOutParameters) + Framed(10, "\x01x") +
                               Eof(11, kMore | kOutParameters) + Framed(12, ServerOk(kOk, 2));
  for (const std::size_t length : {std::size_t{1}, std::size_t{7}, wire.size()}) {
    const Translation result = Translate(wire, ToExecute(true), [length] { return length; });
    EXPECT_EQ(result.progress, Progress::kDone);
    EXPECT_EQ(result.out, expected) << length;
  }
}

TEST(ReplyStreamTest, ALongRowOfACallIsNotCollected) {
  const std::string row = "\xfd" + std::string(1'000'000, 'x');
  const std::string wire = Framed(1, Bytes({1})) + Framed(2, "column") +
                           Rows(3, {row}, kMore | kOutParameters) + Framed(5, ServerOk(kOk, 2));
  const Translation result = Translate(wire, ToExecute(true), []() -> std::size_t { return 1000; });
  EXPECT_EQ(result.progress, Progress::kDone);
  EXPECT_EQ(result.out, Framed(1, Bytes({1})) + Framed(2, "column") + Eof(3, kMore) +
                            Framed(4, row) + Eof(5, kMore | kOutParameters) +
                            Framed(6, ServerOk(kOk, 2)));
}

TEST(ReplyStreamTest, TheEndOfTheColumnsComesWithTheFirstRow) {
  ReplyStream stream;
  Recorder seen;
  stream.Begin(ToExecute(false), seen);
  std::string out;
  const std::string columns = Framed(1, Bytes({1})) + Framed(2, "column");
  ASSERT_EQ(stream.Feed(columns, out), Progress::kNeedsMore);
  EXPECT_EQ(out, columns);
  EXPECT_TRUE(stream.between_packets());
  const std::string row = Framed(3, "\x01x");
  ASSERT_EQ(stream.Feed(row.substr(0, 5), out), Progress::kNeedsMore);
  EXPECT_EQ(out, columns + Eof(3, 2) + Framed(4, "\x01x").substr(0, 5));
  EXPECT_FALSE(stream.between_packets());
}

TEST(ReplyStreamTest, AnOpenCursorIsToldAtTheEndOfTheColumns) {
  const std::string columns = Framed(1, Bytes({1})) + Framed(2, "column");
  const Translation result =
      Translate(columns + Framed(3, ServerOk(kEnd, kCursor)), ToExecute(false));
  EXPECT_EQ(result.progress, Progress::kDone);
  EXPECT_EQ(result.out, columns + Eof(3, kCursor)) << "no rows and no end of rows";
}

TEST(ReplyStreamTest, WhatIsKeptBackIsReleasedBeforeAnError) {
  const std::string columns = Framed(1, Bytes({1})) + Framed(2, "column");
  const std::string error = BuildError({1317, "70100", "interrupted"});
  const std::string row = "\x01x";
  const Translation answered =
      Translate(columns + Framed(3, row) + Framed(4, error), ToExecute(true));
  EXPECT_EQ(answered.progress, Progress::kDone);
  EXPECT_EQ(answered.out, columns + Eof(3, kMore) + Framed(4, row) + Framed(5, error));

  ReplyStream stream;
  Recorder seen;
  stream.Begin(ToExecute(true), seen);
  std::string out;
  ASSERT_EQ(stream.Feed(columns + Framed(3, row), out), Progress::kNeedsMore);
  EXPECT_EQ(out, columns);
  stream.Release(out);
  EXPECT_EQ(out, columns + Eof(3, kMore) + Framed(4, row));
  EXPECT_EQ(stream.client_sequence(), 5);
  EXPECT_TRUE(stream.between_packets());
}

TEST(ReplyStreamTest, AClientThatDeprecatesEofGetsTheServersPackets) {
  ReplyStart start;
  start.client_capabilities = capability::kDeprecateEof;
  const std::string wire = ResultOfTwoRows(kMore) + ResultOfOneRow(6, 2);
  EXPECT_EQ(Translate(wire, start).out, wire);
  start.to_execute = true;
  start.to_call = true;
  EXPECT_EQ(Translate(wire, start).out, wire);
  const std::string with_changes = Framed(1, Bytes({1})) + Framed(2, "column") +
                                   Framed(3, ServerOk(kEnd, kChanged, StateReport()));
  EXPECT_EQ(Translate(with_changes, start).out,
            Framed(1, Bytes({1})) + Framed(2, "column") + Framed(3, ServerOk(kEnd, 2)));

  start = {};
  start.client_capabilities = capability::kDeprecateEof;
  start.kind = ReplyKind::kPrepared;
  start.client_statement_id = 9;
  const std::string prepared = Framed(1, Bytes({0, 9, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0})) +
                               Framed(2, "parameter") + Framed(3, "column");
  EXPECT_EQ(Translate(prepared, start).out, prepared);
}

// The proxy asks for more reports than the client.
TEST(ReplyStreamTest, AClientThatTracksItsSessionGetsTheUsualReports) {
  ReplyStart start;
  start.client_capabilities = capability::kSessionTrack;
  const std::string usual = VariableReport("autocommit", "OFF") + SchemaReport("shop");
  const std::string all = VariableReport("sql_mode", "ANSI") + StateReport() + usual +
                          TransactionReport("T_______") + CharacteristicsReport("");
  EXPECT_EQ(Translate(Framed(1, ServerOk(kOk, kChanged, all)), start).out,
            Framed(1, ServerOk(kOk, kChanged, usual)));
  EXPECT_EQ(Translate(Framed(1, ServerOk(kOk, kChanged, StateReport())), start).out,
            Framed(1, ServerOk(kOk, 2)));
}

// The replies to kFieldList, kStmtFetch and kSetOption.
TEST(ReplyStreamTest, RowsWithoutColumnsEndLikeRows) {
  ReplyStart start;
  start.kind = ReplyKind::kRows;
  const Translation rows = Translate(Rows(1, {"\x01x", "\x01y"}, 2), start);
  EXPECT_EQ(rows.progress, Progress::kDone);
  EXPECT_EQ(rows.out, Framed(1, "\x01x") + Framed(2, "\x01y") + Eof(3, 2));
  EXPECT_EQ(Translate(Framed(1, ServerOk(kEnd, 2)), start).out, Eof(1, 2));
  EXPECT_EQ(Translate(Framed(1, BuildError({1227, "42000", "denied"})), start).progress,
            Progress::kRefused);
}

TEST(ReplyStreamTest, ARefusalIsNotPassedOn) {
  ReplyStream stream;
  Recorder seen;
  stream.Begin({}, seen);
  std::string out;
  EXPECT_EQ(stream.Feed(Framed(1, BuildError({1290, "HY000", "--read-only"})), out),
            Progress::kRefused);
  EXPECT_EQ(out, "");
  EXPECT_FALSE(stream.started());
  EXPECT_EQ(stream.error().number, 1290u);
  EXPECT_EQ(stream.error().text, "--read-only");
  EXPECT_THAT(seen.errors, ElementsAre(1290));
}

TEST(ReplyStreamTest, AnErrorAfterTheFirstResultIsPassedOn) {
  const std::string error = BuildError({1290, "HY000", "--read-only"});
  const Translation after_ok = Translate(Framed(1, ServerOk(kOk, kMore)) + Framed(2, error));
  EXPECT_EQ(after_ok.progress, Progress::kDone);
  EXPECT_EQ(after_ok.out, Framed(1, ServerOk(kOk, kMore)) + Framed(2, error));
  EXPECT_THAT(after_ok.seen.errors, ElementsAre(1290));

  const Translation among_rows = Translate(Framed(1, Bytes({1})) + Framed(2, "column") +
                                           Framed(3, "\x01x") + Framed(4, error));
  EXPECT_EQ(among_rows.progress, Progress::kDone);
  EXPECT_TRUE(among_rows.out.ends_with(Framed(5, error)));
}

TEST(ReplyStreamTest, AnErrorAfterTheFirstResultIsTheOneThatTheObserverWants) {
  ReplyStream stream;
  Recorder seen;
  seen.instead = {1158, "08007", "unknown"};
  stream.Begin({}, seen);
  std::string out;
  const std::string ok = Framed(1, ServerOk(kOk, kMore));
  EXPECT_EQ(stream.Feed(ok + Framed(2, BuildError({1290, "HY000", "--read-only"})), out),
            Progress::kDone);
  EXPECT_EQ(out, ok + Framed(2, BuildError({1158, "08007", "unknown"})));
  EXPECT_THAT(seen.errors, ElementsAre(1290));
}

TEST(ReplyStreamTest, AStatementGetsTheClientsId) {
  const std::string wire = Framed(1, Bytes({0, 9, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0})) +
                           Framed(2, "parameter 1") + Framed(3, "parameter 2") +
                           Framed(4, "column");
  ReplyStart start;
  start.kind = ReplyKind::kPrepared;
  start.client_statement_id = 0x01020304;
  const Translation result = Translate(wire, start);
  EXPECT_EQ(result.progress, Progress::kDone);
  EXPECT_EQ(result.seen.prepared.id, 9u);
  EXPECT_EQ(result.seen.prepared.columns, 1);
  EXPECT_EQ(result.seen.prepared.parameters, 2);
  const std::string eof = Bytes({0xfe, 0, 0, 2, 0});
  EXPECT_EQ(result.out, Framed(1, Bytes({0, 4, 3, 2, 1, 1, 0, 2, 0, 0, 0, 0})) +
                            Framed(2, "parameter 1") + Framed(3, "parameter 2") + Framed(4, eof) +
                            Framed(5, "column") + Framed(6, eof));
}

// The client of MariaDB's own tests shows the warnings of a preparation, and did not see them.
TEST(ReplyStreamTest, BugTheWarningsOfAPreparationWereLost) {
  ReplyStart start;
  start.kind = ReplyKind::kPrepared;
  start.client_statement_id = 9;
  const std::string prepared = Bytes({0, 9, 0, 0, 0, 1, 0, 1, 0, 0, 3, 0});
  const Translation result =
      Translate(Framed(1, prepared) + Framed(2, "parameter") + Framed(3, "column"), start);
  EXPECT_EQ(result.progress, Progress::kDone);
  const std::string eof = Bytes({0xfe, 3, 0, 2, 0});
  EXPECT_EQ(result.out, Framed(1, prepared) + Framed(2, "parameter") + Framed(3, eof) +
                            Framed(4, "column") + Framed(5, eof));
}

TEST(ReplyStreamTest, AStatementMayHaveNeitherParametersNorColumns) {
  ReplyStart start;
  start.kind = ReplyKind::kPrepared;
  start.client_statement_id = 9;
  const std::string wire = Framed(1, Bytes({0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  const Translation result = Translate(wire, start);
  EXPECT_EQ(result.progress, Progress::kDone);
  EXPECT_EQ(result.out, wire);
}

TEST(ReplyStreamTest, TextIsOnePacket) {
  ReplyStart start;
  start.kind = ReplyKind::kText;
  const std::string wire = Framed(1, "Uptime: 1");
  const Translation result = Translate(wire, start);
  EXPECT_EQ(result.progress, Progress::kDone);
  EXPECT_EQ(result.out, wire);
}

TEST(ReplyStreamTest, AWishForALocalFileIsNotPassedOn) {
  const Translation result = Translate(Framed(1, Bytes({0xfb}) + "/etc/passwd"));
  EXPECT_EQ(result.progress, Progress::kWantsLocalFile);
  EXPECT_EQ(result.out, "");
}

TEST(ReplyStreamTest, SequenceNumbersGoOnWhereTheCommandEnded) {
  ReplyStart start;
  start.server_sequence = 3;
  start.client_sequence = 255;
  const Translation result =
      Translate(Framed(3, Bytes({1})) + Framed(4, "column") + Framed(5, ServerOk(kEnd, 2)), start);
  EXPECT_EQ(result.progress, Progress::kDone);
  EXPECT_TRUE(result.out.starts_with(Framed(255, Bytes({1})) + Framed(0, "column")));
}

// The row has several frames: the second begins like an error, and the third is empty.
TEST(ReplyStreamTest, FramesOfALongRowAreNotTakenForPackets) {
  std::string row(2 * kMaxFrameLength, 'x');
  row[0] = '\xfe';
  row[kMaxFrameLength] = '\xff';
  std::string wire =
      Framed(1, Bytes({1})) + Framed(2, "column") + Framed(3, row) + Framed(6, ServerOk(kEnd, 2));
  int chunks = 0;
  const Translation result =
      Translate(wire, {}, [&chunks]() -> std::size_t { return chunks++ < 100 ? 3 : 100'000; });
  EXPECT_EQ(result.progress, Progress::kDone);
  EXPECT_EQ(result.out.size(), wire.size() - ServerOk(kEnd, 2).size() + 5 + 9);
  EXPECT_TRUE(result.out.ends_with(Framed(7, Bytes({0xfe, 0, 0, 2, 0}))));
}

TEST(ReplyStreamTest, ItIsKnownWhereThePacketsEnd) {
  ReplyStream stream;
  Recorder seen;
  stream.Begin({}, seen);
  std::string out;
  const std::string row = Framed(3, "\x01x");
  ASSERT_EQ(stream.Feed(Framed(1, Bytes({1})) + Framed(2, "column"), out), Progress::kNeedsMore);
  EXPECT_TRUE(stream.between_packets());
  EXPECT_EQ(stream.client_sequence(), 4);
  ASSERT_EQ(stream.Feed(row.substr(0, 5), out), Progress::kNeedsMore);
  EXPECT_FALSE(stream.between_packets());
  ASSERT_EQ(stream.Feed(row.substr(5), out), Progress::kNeedsMore);
  EXPECT_TRUE(stream.between_packets());
  EXPECT_EQ(stream.client_sequence(), 5);
}

TEST(ReplyStreamTest, NonsenseIsFound) {
  const std::string ok = Framed(1, ServerOk(kOk, 2));
  EXPECT_EQ(Translate(Framed(2, ServerOk(kOk, 2))).progress, Progress::kMalformed) << "sequence";
  EXPECT_EQ(Translate(ok + ok).progress, Progress::kMalformed) << "more than a reply";
  EXPECT_EQ(Translate(Framed(1, "")).progress, Progress::kMalformed) << "empty";
  EXPECT_EQ(Translate(Framed(1, Bytes({0, 0}))).progress, Progress::kMalformed) << "short OK";
  EXPECT_EQ(Translate(Framed(1, Bytes({0xff}))).progress, Progress::kMalformed) << "short error";
  EXPECT_EQ(Translate(Framed(1, Bytes({1, 2}))).progress, Progress::kMalformed) << "column count";
  EXPECT_EQ(Translate(Framed(1, Bytes({0xfc, 0, 0}))).progress, Progress::kMalformed)
      << "no columns, told in more bytes than it takes";
  EXPECT_EQ(Translate(Bytes({0xff, 0xff, 0xff, 1, 0})).progress, Progress::kMalformed)
      << "an OK of 16 MB";
  ReplyStart prepare;
  prepare.kind = ReplyKind::kPrepared;
  EXPECT_EQ(Translate(ok, prepare).progress, Progress::kMalformed) << "no statement";
}

// The reply holds every kind of result.
std::string LongReply() {
  return ResultOfTwoRows(kMore) + Framed(6, ServerOk(kOk, kMore | kChanged, StateReport())) +
         Framed(7, Bytes({1})) + Framed(8, "column") +
         Rows(9, {std::string(300, 'r'), "\xfb", std::string(70'000, 'r')}, kMore) +
         Framed(13, ServerOk(kOk, kChanged, VariableReport("sql_mode", "ANSI")));
}

TEST(ReplyStreamTest, TheChunksDoNotMatter) {
  const std::string wire = LongReply();
  const Translation whole = Translate(wire);
  ASSERT_EQ(whole.progress, Progress::kDone);
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<std::size_t> length(1, seed % 2 == 0 ? 7 : 3000);
    const Translation result = Translate(wire, {}, [&] { return length(random); });
    EXPECT_EQ(result.progress, Progress::kDone) << seed;
    EXPECT_EQ(result.out, whole.out) << seed;
    EXPECT_EQ(result.seen.changes, whole.seen.changes) << seed;
  }
}

// Whatever a server sends, the client gets whole packets. Only the last packet may be cut.
void CheckFrames(std::string_view out) {
  std::uint8_t sequence = 1;
  while (out.size() >= kFrameHeaderLength) {
    PacketReader header(out.substr(0, kFrameHeaderLength));
    const std::size_t length = header.U32() & kMaxFrameLength;
    ASSERT_EQ(static_cast<std::uint8_t>(out[3]), sequence++);
    out.remove_prefix(std::min(out.size(), kFrameHeaderLength + length));
  }
}

TEST(ReplyStreamTest, DamagedRepliesDoNoHarm) {
  const std::string wire = LongReply();
  for (unsigned seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    std::string damaged = wire;
    // The change is near the beginning, where the short packets are.
    std::uniform_int_distribution<std::size_t> place(0, 200);
    std::uniform_int_distribution<int> byte(0, 255);
    for (int i = 0; i < 3; ++i) damaged[place(random)] = static_cast<char>(byte(random));
    ReplyStart start;
    start.kind = static_cast<ReplyKind>(seed % 4);
    start.to_execute = seed % 5 == 0;
    start.to_call = seed % 10 == 0;
    CheckFrames(Translate(damaged, start, [] { return std::size_t{64}; }).out);
  }
}

}  // namespace
}  // namespace mysql_proxy

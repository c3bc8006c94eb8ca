// Feeds the proxy's protocol code the bytes of a hostile server or client. Bytes that arrive in
// pieces must be read like bytes that arrive at once. A packet that was read must survive writing
// and reading. A client must get a whole reply of each reply.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz_input.h"
#include "login_exchange.h"
#include "plain_client.h"
#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/execute_request.h"
#include "proxy/mysql/protocol/handshake.h"
#include "proxy/mysql/protocol/packet_assembler.h"
#include "proxy/mysql/protocol/reply_stream.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "proxy/mysql/protocol/session_track.h"
#include "proxy/mysql/protocol/sql_scan.h"

namespace mysql_proxy {
namespace {

using failover::fuzz::FuzzInput;
using failover::fuzz::Require;
using Progress = ReplyStream::Progress;

// ---- Replies.

class Recorder final : public ReplyObserver {
 public:
  void OnOk(const OkPacket& ok) override {
    seen += std::to_string(ok.status) + "," + std::string(ok.session_changes) + ";";
  }
  failover::mysql::MysqlError OnError(const failover::mysql::MysqlError& error) override {
    seen += std::to_string(error.number) + "!";
    return error;
  }
  void OnPrepared(const PreparedReply& reply) override {
    seen += std::to_string(reply.id) + "," + std::to_string(reply.parameters) + ";";
  }
  std::string seen;
};

struct Translation {
  Progress progress = Progress::kNeedsMore;
  std::size_t used = 0;
  std::string out;
  std::string seen;
};

// Feeds `wire` in pieces of at most `piece` bytes. What the stream says must be true after each.
Translation Translate(std::string_view wire, const ReplyStart& start, std::size_t piece) {
  Translation result;
  Recorder recorder;
  ReplyStream stream;
  stream.Begin(start, recorder);
  while (result.used < wire.size() && result.progress == Progress::kNeedsMore) {
    const std::string_view part = wire.substr(result.used, piece);
    result.progress = stream.Feed(part, result.out);
    result.used += part.size();
    Require(stream.started() == !result.out.empty(),
            "a reply has started once the client gets a byte");
    const Packets packets = Split(result.out, start.client_sequence);
    Require(packets.in_order, "the packets for the client are numbered one after the other");
    Require(packets.whole == stream.between_packets() || result.progress == Progress::kMalformed,
            "an error may follow exactly where a packet has ended");
  }
  result.seen = std::move(recorder.seen);
  return result;
}

void CheckReply(FuzzInput& input) {
  ReplyStart start;
  start.kind = static_cast<ReplyKind>(input.Below(3));
  start.server_sequence = input.Byte();
  start.client_sequence = input.Byte();
  start.client_statement_id = static_cast<std::uint32_t>(input.Number(4));
  const std::size_t piece = 1 + input.Byte();
  const std::string wire = input.Rest();

  const Translation slow = Translate(wire, start, 1);
  const std::string_view used = std::string_view(wire).substr(0, slow.used);
  for (const std::size_t length : {piece, used.size()}) {
    const Translation fast = Translate(used, start, std::max<std::size_t>(length, 1));
    Require(fast.progress == slow.progress && fast.seen == slow.seen,
            "a reply reads the same in whatever pieces the reply comes");
    Require(fast.out == slow.out,
            "the client gets the same bytes in whatever pieces the reply comes");
  }
  if (slow.progress == Progress::kRefused || slow.progress == Progress::kWantsLocalFile) {
    Require(slow.out.empty(), "the client gets no byte of a refusal");
  }
  if (slow.progress == Progress::kDone) {
    Client client(Split(slow.out, start.client_sequence).payloads);
    Require(client.IsWholeReply(start.kind), "the client gets one whole reply");
  }
}

// ---- Packets.

void CheckAssembler(FuzzInput& input) {
  using State = PacketAssembler::State;
  const std::size_t most = input.Number(2);
  const std::uint8_t sequence = input.Byte();
  const std::string wire = input.Rest();
  PacketAssembler whole(most);
  whole.Start(sequence);
  std::string_view left = wire;
  const State at_once = whole.Feed(left);

  PacketAssembler pieces(most);
  pieces.Start(sequence);
  State slow = State::kNeedsMore;
  std::size_t used = 0;
  while (used < wire.size() && slow == State::kNeedsMore) {
    std::string_view byte = std::string_view(wire).substr(used++, 1);
    slow = pieces.Feed(byte);
  }
  Require(slow == at_once, "a packet reads the same in whatever pieces the packet comes");
  Require(whole.packet().size() <= most, "no packet is longer than allowed");
  Require(whole.packet().size() <= wire.size(), "memory grows with the bytes that have come");
  if (at_once != State::kComplete) return;
  Require(whole.packet() == pieces.packet() && wire.size() - left.size() == used,
          "a packet reads the same in whatever pieces the packet comes");
  std::string again;
  std::uint8_t number = sequence;
  PutPacket(whole.packet(), number, again);
  Require(again == wire.substr(0, used) && number == whole.next_sequence(),
          "a packet that is written is the packet that was read");
}

// ---- A packet that was read, written and read again is the same packet.

void CheckGreeting(const std::string& payload) {
  const std::optional<Greeting> greeting = ParseGreeting(payload);
  if (!greeting.has_value()) return;
  const std::optional<Greeting> again = ParseGreeting(BuildGreeting(*greeting));
  Require(again.has_value() && again->server_version == greeting->server_version &&
              again->connection_id == greeting->connection_id &&
              again->scramble == greeting->scramble &&
              again->capabilities == greeting->capabilities && again->status == greeting->status &&
              again->collation == greeting->collation &&
              again->auth_plugin == greeting->auth_plugin,
          "a greeting reads as it was written");
}

void CheckLogin(const std::string& payload) {
  std::optional<Login> login = ParseLogin(payload);
  // A longer answer needs a capability that the proxy does not use when it logs in.
  if (!login.has_value() || login->auth_answer.size() > 255) return;
  login->capabilities &= ~capability::kPluginAuthLengthEncoded;
  login->capabilities |= capability::kSecureConnection;
  const std::optional<Login> again = ParseLogin(BuildLogin(*login));
  Require(again.has_value() && again->user == login->user &&
              again->auth_answer == login->auth_answer && again->database == login->database &&
              again->auth_plugin == login->auth_plugin &&
              again->capabilities == login->capabilities &&
              again->max_packet == login->max_packet && again->collation == login->collation,
          "a login reads as it was written");
}

void CheckServerPackets(const std::string& payload) {
  if (const std::optional<OkPacket> ok = ParseOk(payload)) {
    const std::string built = BuildOk(*ok);
    const std::optional<OkPacket> again = ParseOk(built);
    Require(again.has_value() && again->affected_rows == ok->affected_rows &&
                again->insert_id == ok->insert_id && again->info == ok->info &&
                again->warnings == ok->warnings && again->session_changes == ok->session_changes &&
                (again->status | server_status::kSessionStateChanged) ==
                    (ok->status | server_status::kSessionStateChanged),
            "an OK reads as it was written");
  }
  if (const std::optional<failover::mysql::MysqlError> error = ParseError(payload)) {
    const std::optional<failover::mysql::MysqlError> again = ParseError(BuildError(*error));
    Require(again.has_value() && again->number == error->number && again->text == error->text &&
                again->sqlstate == (error->sqlstate.empty() ? "HY000" : error->sqlstate),
            "an error reads as it was written");
  }
  if (const std::optional<AuthSwitch> request = ParseAuthSwitch(payload)) {
    const std::optional<AuthSwitch> again = ParseAuthSwitch(BuildAuthSwitch(*request));
    // A scramble of the usual length may end with a zero byte of its own, or with one more.
    const bool usual = request->scramble.size() == 20 || request->scramble.size() == 32;
    Require(again.has_value() && again->plugin == request->plugin &&
                (!usual || again->scramble == request->scramble),
            "a request to authenticate otherwise reads as it was written");
  }
}

// Two lists of reports in a row must report what each of the lists reports.
void CheckSessionChanges(const std::string& first, const std::string& second) {
  const std::optional<SessionChanges> a = ParseSessionChanges(first);
  const std::optional<SessionChanges> b = ParseSessionChanges(second);
  if (!a.has_value() || !b.has_value()) return;
  const std::optional<SessionChanges> both = ParseSessionChanges(first + second);
  if (!both.has_value()) return Require(false, "a list of good reports is good");
  auto variables = a->variables;
  variables.insert(variables.end(), b->variables.begin(), b->variables.end());
  Require(both->variables == variables, "no report of a variable is lost");
  Require(both->state == (a->state || b->state), "no change of the state is lost");
  Require(both->schema == (b->schema.has_value() ? b->schema : a->schema),
          "the last schema counts");
  Require(
      both->tables_locked == (b->tables_locked.has_value() ? b->tables_locked : a->tables_locked),
      "the last report of locks counts");
}

void CheckExecute(std::string payload, std::size_t parameters, const std::string& bytes) {
  const std::optional<ParameterTypes> found = FindParameterTypes(payload, parameters);
  if (!found.has_value()) return;
  Require(found->flag_offset < payload.size(), "the flag is in the packet");
  SetStatementId(0x01020304, payload);
  Require(StatementIdOf(payload) == 0x01020304U, "a statement has the id that was set");
  if (parameters == 0 || found->types.has_value()) return;
  std::string types = bytes;
  types.resize(2 * parameters);
  const std::string values = payload.substr(found->flag_offset + 1);
  InsertParameterTypes(types, found->flag_offset, payload);
  const std::optional<ParameterTypes> again = FindParameterTypes(payload, parameters);
  Require(again.has_value() && again->types == types && again->flag_offset == found->flag_offset,
          "the types are where they were put");
  Require(payload.substr(found->flag_offset + 1 + types.size()) == values,
          "the values follow the types");
}

void CheckCodec(std::uint64_t number, const std::string& text) {
  std::string bytes;
  PutLengthEncoded(number, bytes);
  PutLengthEncodedString(text, bytes);
  PutInteger(number, 8, bytes);
  PacketReader reader(bytes);
  Require(reader.LengthEncoded() == number && reader.LengthEncodedString() == text &&
              (reader.U32() | std::uint64_t{reader.U32()} << 32) == number && reader.ok() &&
              reader.left() == 0,
          "a field reads as it was written");
}

// ---- Statements.

bool Same(const SqlTraits& a, const SqlTraits& b) {
  return a.compound == b.compound && a.uses_connection_state == b.uses_connection_state &&
         a.reads_insert_id == b.reads_insert_id && a.reads_last_result == b.reads_last_result &&
         a.sets_names_with_collation == b.sets_names_with_collation &&
         a.has_temporary_variables == b.has_temporary_variables;
}

std::string UpperCase(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

void CheckSql(const std::string& sql, bool escapes) {
  const TextRules rules{escapes, /*characters_hide_ascii=*/false};
  const SqlTraits traits = ScanSql(sql, rules);
  for (const char* const nothing : {" ", "\n\t", "/* comment */", "-- comment\n", "#\n"}) {
    Require(Same(traits, ScanSql(nothing + sql, rules)), "blanks in front change nothing", sql);
  }
  if (sql.find("/*m!") == std::string::npos) {
    Require(Same(traits, ScanSql(UpperCase(sql), rules)), "upper and lower case are one", sql);
  }
  if (sql.find('\\') == std::string::npos) {
    Require(Same(traits, ScanSql(sql, {!escapes, false})), "only a backslash escapes", sql);
  }
  if (!sql.empty() && UpperCase(sql)[0] >= 'A' && UpperCase(sql)[0] <= 'Z') {
    Require(ScanSql("SELECT 1; " + sql, rules).compound, "two statements are more than one", sql);
  }
  if (sql.find_first_of("'\\") == std::string::npos) {
    Require(Same(ScanSql("SELECT '" + sql + "'", rules), ScanSql("SELECT ''", rules)),
            "the inside of a literal is no statement", sql);
  }
  const SqlTraits in_doubt = ScanSql(sql, {escapes, /*characters_hide_ascii=*/true});
  const bool ascii = std::all_of(sql.begin(), sql.end(), [](char c) { return (c & 0x80) == 0; });
  Require(!ascii || Same(in_doubt, traits), "only a text that is not ASCII raises doubts", sql);
  Require(in_doubt.compound || !traits.compound, "in doubt a text stays compound", sql);
  bool half_a_character = false;
  for (std::size_t at = sql.find('@'); at != std::string::npos; at = sql.find('@', at + 1)) {
    half_a_character = half_a_character || (at > 0 && (sql[at - 1] & 0x80) != 0);
  }
  if (half_a_character) return;
  Require(in_doubt.uses_connection_state || !traits.uses_connection_state,
          "in doubt no state is missed", sql);
  Require(in_doubt.reads_insert_id || !traits.reads_insert_id, "in doubt no id is missed", sql);
  Require(in_doubt.reads_last_result || !traits.reads_last_result,
          "in doubt no other answer is missed", sql);
}

void Run(FuzzInput input) {
  switch (input.Below(11)) {
    case 0:
    case 1:
      return CheckReply(input);
    case 2:
      return CheckAssembler(input);
    case 3:
      return CheckGreeting(input.Rest());
    case 4:
      return CheckLogin(input.Rest());
    case 5: {
      const std::string payload = input.Rest();
      CheckServerPackets(payload);
      const std::size_t half = payload.size() / 2;
      return CheckSessionChanges(payload.substr(0, half), payload.substr(half));
    }
    case 6: {
      const std::size_t parameters = input.Byte();
      const std::uint64_t number = input.Number(8);
      const std::string payload = input.Rest();
      CheckCodec(number, payload);
      return CheckExecute(payload, parameters, payload);
    }
    case 7: {
      const bool escapes = input.Bool();
      return CheckSql(input.Rest(), escapes);
    }
    case 8:
      return CheckHostileClient(input);
    case 9:
      return CheckHostileServer(input);
    default:
      return CheckStoredPasswords(input.Rest());
  }
}

}  // namespace
}  // namespace mysql_proxy

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mysql_proxy::Run(failover::fuzz::FuzzInput(data, size));
  return 0;
}

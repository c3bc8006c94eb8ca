#include "proxy/mysql/protocol/server_packets.h"

#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/constants.h"

namespace mysql_proxy {
namespace {

constexpr std::size_t kSqlstateLength = 5;

}  // namespace

std::optional<OkPacket> ParseOk(std::string_view payload) {
  PacketReader reader(payload);
  reader.U8();
  OkPacket ok;
  ok.affected_rows = reader.LengthEncoded();
  ok.insert_id = reader.LengthEncoded();
  ok.status = reader.U16();
  ok.warnings = reader.U16();
  if (reader.left() > 0) ok.info = reader.LengthEncodedString();
  if ((ok.status & server_status::kSessionStateChanged) != 0) {
    ok.session_changes = reader.LengthEncodedString();
  }
  if (!reader.ok()) return std::nullopt;
  return ok;
}

std::string BuildOk(const OkPacket& ok, std::uint8_t header) {
  const bool has_changes = !ok.session_changes.empty();
  const std::uint16_t changed = has_changes ? server_status::kSessionStateChanged : 0;
  std::string out;
  PutInteger(header, 1, out);
  PutLengthEncoded(ok.affected_rows, out);
  PutLengthEncoded(ok.insert_id, out);
  PutInteger((ok.status & ~server_status::kSessionStateChanged) | changed, 2, out);
  PutInteger(ok.warnings, 2, out);
  if (!ok.info.empty() || has_changes) PutLengthEncodedString(ok.info, out);
  if (has_changes) PutLengthEncodedString(ok.session_changes, out);
  return out;
}

std::string BuildEof(std::uint16_t status, std::uint16_t warnings) {
  std::string out;
  PutInteger(kEofHeader, 1, out);
  PutInteger(warnings, 2, out);
  PutInteger(status & ~server_status::kSessionStateChanged, 2, out);
  return out;
}

std::optional<failover::mysql::MysqlError> ParseError(std::string_view payload) {
  PacketReader reader(payload);
  reader.U8();
  failover::mysql::MysqlError error;
  error.number = reader.U16();
  std::string_view text = reader.Rest();
  if (!reader.ok()) return std::nullopt;
  // An error that a server sends before the handshake has no SQLSTATE.
  if (text.size() > kSqlstateLength && text[0] == '#') {
    error.sqlstate = text.substr(1, kSqlstateLength);
    text.remove_prefix(1 + kSqlstateLength);
  }
  error.text = text;
  return error;
}

std::string BuildError(const failover::mysql::MysqlError& error) {
  std::string out;
  PutInteger(kErrorHeader, 1, out);
  PutInteger(error.number, 2, out);
  out.push_back('#');
  out.append(error.sqlstate.size() == kSqlstateLength ? error.sqlstate : "HY000");
  out.append(error.text);
  return out;
}

}  // namespace mysql_proxy

// The packets with which a server ends a result: OK, EOF and error.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_SERVER_PACKETS_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_SERVER_PACKETS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "failover/mysql/errors.h"

namespace mysql_proxy {

// An OK packet of a connection with the capability kSessionTrack. The texts refer to the payload
// from which the packet was read.
struct OkPacket {
  std::uint64_t affected_rows = 0;
  std::uint64_t insert_id = 0;
  std::uint16_t status = 0;
  std::uint16_t warnings = 0;
  std::string_view info;
  // ParseSessionChanges reads this text. Empty if the status has no kSessionStateChanged.
  std::string_view session_changes;
};

// The first byte, which is kOkHeader or kEofHeader, is not checked. nullopt: the packet is
// malformed.
std::optional<OkPacket> ParseOk(std::string_view payload);
// The packet begins with kOkHeader; at the end of rows, for a client with kDeprecateEof, with
// kEofHeader. The session's changes are for clients with kSessionTrack only.
std::string BuildOk(const OkPacket& ok, std::uint8_t header = 0);

std::string BuildEof(std::uint16_t status, std::uint16_t warnings);

// The first byte, which is kErrorHeader, is not checked. nullopt: the packet is malformed.
std::optional<failover::mysql::MysqlError> ParseError(std::string_view payload);
std::string BuildError(const failover::mysql::MysqlError& error);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_SERVER_PACKETS_H_

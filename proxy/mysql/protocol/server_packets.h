// The packets with which a server ends a result: OK, EOF and error.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_SERVER_PACKETS_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_SERVER_PACKETS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "failover/mysql/errors.h"

namespace mysql_proxy {

// Of a connection with the capability kSessionTrack. Refers to the payload that it was read from.
struct OkPacket {
  std::uint64_t affected_rows = 0;
  std::uint64_t insert_id = 0;
  std::uint16_t status = 0;
  std::uint16_t warnings = 0;
  std::string_view info;
  // For ParseSessionChanges; empty if the status has no kSessionStateChanged.
  std::string_view session_changes;
};

// The first byte, kOkHeader or kEofHeader, is not looked at. nullopt: malformed.
std::optional<OkPacket> ParseOk(std::string_view payload);
// Without the session's changes, for clients without kSessionTrack.
std::string BuildOk(const OkPacket& ok);

std::string BuildEof(std::uint16_t status, std::uint16_t warnings);

// nullopt: malformed.
std::optional<failover::mysql::MysqlError> ParseError(std::string_view payload);
std::string BuildError(const failover::mysql::MysqlError& error);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_SERVER_PACKETS_H_

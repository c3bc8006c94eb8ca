// The numbers of the MySQL client/server protocol that this proxy uses.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_CONSTANTS_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_CONSTANTS_H_

#include <cstddef>
#include <cstdint>

namespace mysql_proxy {

// The payload of a packet is sent in frames. A frame is three bytes of length, one byte of sequence
// number, and then so many bytes of payload. A frame of the maximum length tells that the payload
// goes on in the next frame.
inline constexpr std::size_t kMaxFrameLength = 0xffffff;
inline constexpr std::size_t kFrameHeaderLength = 4;

namespace capability {

inline constexpr std::uint32_t kLongPassword = 1u << 0;
inline constexpr std::uint32_t kFoundRows = 1u << 1;
inline constexpr std::uint32_t kLongFlag = 1u << 2;
inline constexpr std::uint32_t kConnectWithDatabase = 1u << 3;
inline constexpr std::uint32_t kCompress = 1u << 5;
inline constexpr std::uint32_t kOdbc = 1u << 6;
inline constexpr std::uint32_t kIgnoreSpace = 1u << 8;
inline constexpr std::uint32_t kProtocol41 = 1u << 9;
inline constexpr std::uint32_t kInteractive = 1u << 10;
inline constexpr std::uint32_t kTls = 1u << 11;
inline constexpr std::uint32_t kTransactions = 1u << 13;
inline constexpr std::uint32_t kSecureConnection = 1u << 15;
inline constexpr std::uint32_t kMultiStatements = 1u << 16;
inline constexpr std::uint32_t kMultiResults = 1u << 17;
inline constexpr std::uint32_t kPreparedMultiResults = 1u << 18;
inline constexpr std::uint32_t kPluginAuth = 1u << 19;
inline constexpr std::uint32_t kConnectAttributes = 1u << 20;
inline constexpr std::uint32_t kPluginAuthLengthEncoded = 1u << 21;
inline constexpr std::uint32_t kSessionTrack = 1u << 23;
inline constexpr std::uint32_t kDeprecateEof = 1u << 24;
inline constexpr std::uint32_t kOptionalMetadata = 1u << 25;
inline constexpr std::uint32_t kZstdCompress = 1u << 26;
inline constexpr std::uint32_t kQueryAttributes = 1u << 27;

}  // namespace capability

// More capabilities, of MariaDB. Whoever has them does not have capability::kLongPassword.
namespace mariadb_capability {

inline constexpr std::uint32_t kExtendedMetadata = 1u << 3;

}  // namespace mariadb_capability

namespace server_status {

inline constexpr std::uint16_t kInTransaction = 0x0001;
inline constexpr std::uint16_t kAutocommit = 0x0002;
inline constexpr std::uint16_t kMoreResults = 0x0008;
inline constexpr std::uint16_t kCursorExists = 0x0040;
inline constexpr std::uint16_t kLastRowSent = 0x0080;
inline constexpr std::uint16_t kNoBackslashEscapes = 0x0200;
inline constexpr std::uint16_t kOutParameters = 0x1000;
inline constexpr std::uint16_t kSessionStateChanged = 0x4000;

// These flags are about one result, and not about the session.
inline constexpr std::uint16_t kOfOneResult =
    kMoreResults | kCursorExists | kLastRowSent | kOutParameters | kSessionStateChanged;

}  // namespace server_status

// The first byte of a request of a client.
enum class Command : std::uint8_t {
  kQuit = 0x01,
  kInitDb = 0x02,
  kQuery = 0x03,
  kFieldList = 0x04,
  kRefresh = 0x07,
  kStatistics = 0x09,
  kProcessInfo = 0x0a,
  kProcessKill = 0x0c,
  kDebug = 0x0d,
  kPing = 0x0e,
  kChangeUser = 0x11,
  kStmtPrepare = 0x16,
  kStmtExecute = 0x17,
  kStmtSendLongData = 0x18,
  kStmtClose = 0x19,
  kStmtReset = 0x1a,
  kSetOption = 0x1b,
  kStmtFetch = 0x1c,
  kResetConnection = 0x1f,
};

// The options of kSetOption.
inline constexpr std::uint16_t kMultiStatementsOn = 0;
inline constexpr std::uint16_t kMultiStatementsOff = 1;

// The first byte of a packet of a server.
inline constexpr std::uint8_t kOkHeader = 0x00;
inline constexpr std::uint8_t kLocalInfileHeader = 0xfb;
inline constexpr std::uint8_t kEofHeader = 0xfe;
inline constexpr std::uint8_t kErrorHeader = 0xff;

// The number of the collation utf8mb4_general_ci.
inline constexpr std::uint8_t kDefaultCollation = 45;

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_CONSTANTS_H_

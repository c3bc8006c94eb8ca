#include "proxy/mysql/protocol/handshake.h"

#include <algorithm>

#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/native_password.h"

namespace mysql_proxy {
namespace {

constexpr std::uint8_t kProtocolVersion = 10;
// A greeting holds the scramble in two parts. The first part always has this length.
constexpr std::size_t kFirstPart = 8;
// A login begins with the capabilities, the length of the longest packet, the collation, and zeros.
// The last bytes of the zeros hold mariadb_capabilities, and so it is in a greeting.
constexpr std::size_t kReserved = 19;
constexpr std::size_t kLoginStart = 4 + 4 + 1 + kReserved + 4;
constexpr std::size_t kGreetingFiller = 6;

void PutLoginStart(const Login& login, std::string& out) {
  PutInteger(login.capabilities, 4, out);
  PutInteger(login.max_packet, 4, out);
  PutInteger(login.collation, 1, out);
  out.append(kReserved, '\0');
  PutInteger(login.mariadb_capabilities, 4, out);
}

std::uint32_t ReadMariadbCapabilities(std::uint32_t capabilities, PacketReader& reader) {
  const std::uint32_t value = reader.U32();
  return (capabilities & capability::kLongPassword) == 0 ? value : 0;
}

}  // namespace

std::string BuildGreeting(const Greeting& greeting) {
  const std::string_view scramble = greeting.scramble;
  std::string out;
  PutInteger(kProtocolVersion, 1, out);
  PutZeroTerminated(greeting.server_version, out);
  PutInteger(greeting.connection_id, 4, out);
  PutZeroTerminated(scramble.substr(0, kFirstPart), out);
  PutInteger(greeting.capabilities & 0xffff, 2, out);
  PutInteger(greeting.collation, 1, out);
  PutInteger(greeting.status, 2, out);
  PutInteger(greeting.capabilities >> 16, 2, out);
  PutInteger(scramble.size() + 1, 1, out);
  out.append(kGreetingFiller, '\0');
  PutInteger(greeting.mariadb_capabilities, 4, out);
  PutZeroTerminated(scramble.substr(kFirstPart), out);
  PutZeroTerminated(greeting.auth_plugin, out);
  return out;
}

std::optional<Greeting> ParseGreeting(std::string_view payload) {
  PacketReader reader(payload);
  if (reader.U8() != kProtocolVersion) return std::nullopt;
  Greeting greeting;
  greeting.server_version = reader.ZeroTerminated();
  greeting.connection_id = reader.U32();
  greeting.scramble = reader.Bytes(kFirstPart);
  reader.Bytes(1);
  greeting.capabilities = reader.U16();
  greeting.collation = reader.U8();
  greeting.status = reader.U16();
  greeting.capabilities |= static_cast<std::uint32_t>(reader.U16()) << 16;
  const std::size_t scramble_length = reader.U8();
  reader.Bytes(kGreetingFiller);
  greeting.mariadb_capabilities = ReadMariadbCapabilities(greeting.capabilities, reader);
  if ((greeting.capabilities & capability::kProtocol41) == 0 ||
      (greeting.capabilities & capability::kSecureConnection) == 0) {
    return std::nullopt;
  }
  // The last byte of the second part is a zero, which does not belong to the scramble.
  std::string_view rest = reader.Bytes(
      std::max<std::size_t>(13, scramble_length - std::min(scramble_length, kFirstPart)));
  if (!rest.empty()) rest.remove_suffix(1);
  greeting.scramble.append(rest);
  if ((greeting.capabilities & capability::kPluginAuth) != 0 && reader.ok()) {
    // Some servers leave out the zero byte at the end.
    const std::string_view plugin = reader.Rest();
    greeting.auth_plugin = plugin.substr(0, plugin.find('\0'));
  }
  if (!reader.ok()) return std::nullopt;
  return greeting;
}

std::string BuildTlsRequest(const Login& login) {
  std::string out;
  PutLoginStart(login, out);
  return out;
}

bool IsTlsRequest(std::string_view payload) {
  if (payload.size() != kLoginStart) return false;
  constexpr std::uint32_t kWanted = capability::kProtocol41 | capability::kTls;
  return (PacketReader(payload).U32() & kWanted) == kWanted;
}

std::string BuildLogin(const Login& login) {
  std::string out;
  PutLoginStart(login, out);
  PutZeroTerminated(login.user, out);
  PutInteger(login.auth_answer.size(), 1, out);
  out.append(login.auth_answer);
  if ((login.capabilities & capability::kConnectWithDatabase) != 0) {
    PutZeroTerminated(login.database, out);
  }
  if ((login.capabilities & capability::kPluginAuth) != 0) {
    PutZeroTerminated(login.auth_plugin, out);
  }
  return out;
}

std::optional<Login> ParseLogin(std::string_view payload) {
  PacketReader reader(payload);
  Login login;
  login.capabilities = reader.U32();
  login.max_packet = reader.U32();
  login.collation = reader.U8();
  reader.Bytes(kReserved);
  login.mariadb_capabilities = ReadMariadbCapabilities(login.capabilities, reader);
  if ((login.capabilities & capability::kProtocol41) == 0) return std::nullopt;
  login.user = reader.ZeroTerminated();
  if ((login.capabilities & capability::kPluginAuthLengthEncoded) != 0) {
    login.auth_answer = reader.LengthEncodedString();
  } else if ((login.capabilities & capability::kSecureConnection) != 0) {
    login.auth_answer = reader.Bytes(reader.U8());
  } else {
    login.auth_answer = reader.ZeroTerminated();
  }
  if (!reader.ok()) return std::nullopt;
  // Some clients leave out the last fields, whatever their capabilities say.
  if ((login.capabilities & capability::kConnectWithDatabase) != 0 && reader.left() > 0) {
    login.database = reader.ZeroTerminated();
  }
  if ((login.capabilities & capability::kPluginAuth) != 0 && reader.left() > 0) {
    login.auth_plugin = reader.ZeroTerminated();
  }
  if (!reader.ok()) return std::nullopt;
  return login;
}

std::optional<Login> ParseChangeUser(std::string_view payload, std::uint32_t capabilities) {
  PacketReader reader(payload);
  reader.U8();
  Login login;
  login.capabilities = capabilities;
  login.collation = kDefaultCollation;
  login.user = reader.ZeroTerminated();
  login.auth_answer = (capabilities & capability::kSecureConnection) != 0
                          ? reader.Bytes(reader.U8())
                          : reader.ZeroTerminated();
  login.database = reader.ZeroTerminated();
  if (!reader.ok()) return std::nullopt;
  if (reader.left() >= 2) {
    const std::uint16_t collation = reader.U16();
    // A login has one byte for the collation.
    if (collation != 0 && collation <= 0xff) login.collation = static_cast<std::uint8_t>(collation);
  }
  if ((capabilities & capability::kPluginAuth) != 0 && reader.left() > 0) {
    login.auth_plugin = reader.ZeroTerminated();
  }
  if (!reader.ok()) return std::nullopt;
  return login;
}

std::string BuildAuthSwitch(const AuthSwitch& request) {
  std::string out;
  PutInteger(kEofHeader, 1, out);
  PutZeroTerminated(request.plugin, out);
  out.append(request.scramble);
  // Servers have a zero byte behind a scramble, and none behind the nonce of client_ed25519.
  if (request.scramble.size() == kScrambleLength) out.push_back('\0');
  return out;
}

std::optional<AuthSwitch> ParseAuthSwitch(std::string_view payload) {
  PacketReader reader(payload);
  reader.U8();
  AuthSwitch request;
  request.plugin = reader.ZeroTerminated();
  std::string_view scramble = reader.Rest();
  if (scramble.size() == kScrambleLength + 1) scramble.remove_suffix(1);
  request.scramble = scramble;
  if (!reader.ok()) return std::nullopt;
  return request;
}

}  // namespace mysql_proxy

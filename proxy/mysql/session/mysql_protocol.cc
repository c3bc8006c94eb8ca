#include "proxy/mysql/session/mysql_protocol.h"

#include <utility>

#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "proxy/mysql/session/mysql_session.h"

namespace mysql_proxy {
namespace {

// Clients learn their connection's number from the proxy, and may send KILL with it. No backend has
// connections with numbers this high, so that such a KILL hits nobody else's connection.
constexpr std::uint32_t kFirstConnectionId = 0x80000000;

}  // namespace

std::unique_ptr<proxy::Session> MysqlProtocol::Accept(proxy::Socket socket,
                                                      std::uint32_t id) const {
  return std::make_unique<MysqlSession>(context_, std::move(socket),
                                        kFirstConnectionId + id % kFirstConnectionId);
}

std::string MysqlProtocol::RefusalPacket() const {
  std::uint8_t sequence = 0;
  std::string wire;
  PutPacket(BuildError({1040, "08004", "Too many connections"}), sequence, wire);
  return wire;
}

}  // namespace mysql_proxy

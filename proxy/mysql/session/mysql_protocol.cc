#include "proxy/mysql/session/mysql_protocol.h"

#include <utility>

#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "proxy/mysql/session/admit.h"
#include "proxy/mysql/session/mysql_session.h"
#include "proxy/mysql/session/session_registry.h"

namespace mysql_proxy {
std::unique_ptr<proxy::Session> MysqlProtocol::Accept(proxy::Socket socket, std::uint32_t id,
                                                      proxy::Admission admission) const {
  return std::make_unique<MysqlSession>(context_, std::move(socket),
                                        kFirstConnectionId + id % kFirstConnectionId,
                                        std::move(admission));
}

std::string MysqlProtocol::RefusalPacket() const {
  std::uint8_t sequence = 0;
  std::string wire;
  PutPacket(BuildError(TooManyConnections()), sequence, wire);
  return wire;
}

}  // namespace mysql_proxy

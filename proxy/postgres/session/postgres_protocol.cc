#include "proxy/postgres/session/postgres_protocol.h"

#include <utility>

#include "proxy/postgres/protocol/error_message.h"
#include "proxy/postgres/session/postgres_session.h"

namespace postgres_proxy {

std::unique_ptr<proxy::Session> PostgresProtocol::Accept(proxy::Socket socket, std::uint32_t,
                                                         proxy::Admission admission) const {
  return std::make_unique<PostgresSession>(context_, std::move(socket), std::move(admission));
}

std::string PostgresProtocol::RefusalPacket() const {
  std::string message;
  PutError({"FATAL", "53300", "sorry, too many clients already"}, message);
  return message;
}

}  // namespace postgres_proxy

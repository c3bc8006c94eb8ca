// The MySQL protocol as the event loops and the listener see it.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_MYSQL_PROTOCOL_H_
#define FAILOVER_PROXY_MYSQL_SESSION_MYSQL_PROTOCOL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/core/protocol.h"
#include "proxy/mysql/session/mysql_context.h"

namespace mysql_proxy {

// Immutable, hence thread-safe.
class MysqlProtocol final : public proxy::Protocol {
 public:
  // `context` is not owned.
  explicit MysqlProtocol(const MysqlContext& context) : context_(context) {}

  std::unique_ptr<proxy::Session> Accept(proxy::Socket socket, std::uint32_t id,
                                         proxy::Admission admission) const override;
  std::string RefusalPacket() const override;

 private:
  const MysqlContext& context_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_MYSQL_PROTOCOL_H_

// The PostgreSQL protocol as the event loops and the listener see it.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_POSTGRES_PROTOCOL_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_POSTGRES_PROTOCOL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/core/protocol.h"
#include "proxy/postgres/session/postgres_context.h"

namespace postgres_proxy {

// Immutable, hence thread-safe.
class PostgresProtocol final : public proxy::Protocol {
 public:
  // `context` is not owned.
  explicit PostgresProtocol(const PostgresContext& context) : context_(context) {}

  std::unique_ptr<proxy::Session> Accept(proxy::Socket socket, std::uint32_t id,
                                         proxy::Admission admission) const override;
  std::string RefusalPacket() const override;

 private:
  const PostgresContext& context_;
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_POSTGRES_PROTOCOL_H_

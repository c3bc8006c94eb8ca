// A socket that takes new connections.
#ifndef FAILOVER_PROXY_CORE_ACCEPTOR_H_
#define FAILOVER_PROXY_CORE_ACCEPTOR_H_

#include <asio/basic_socket_acceptor.hpp>

#include "absl/status/status.h"
#include "proxy/core/asio_types.h"
#include "proxy/core/router.h"

namespace proxy {

using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;

// Makes the acceptor, which must be closed, listen on a numeric address. kUnavailable names the
// address and says why the address cannot be used.
absl::Status ListenOn(const Address& address, Acceptor& acceptor);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_ACCEPTOR_H_

// How a client proves to the proxy who it is.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_CLIENT_LOGIN_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_CLIENT_LOGIN_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/core/asio_types.h"
#include "proxy/postgres/session/client_connection.h"
#include "proxy/postgres/session/credentials.h"
#include "proxy/postgres/session/postgres_context.h"

namespace postgres_proxy {

// How the exchange ended.
enum class LoginEnd : std::uint8_t {
  kProved,   // `credentials` hold what the proxy needs to log in as the client
  kRefused,  // the client does not know the password, or there is no such user
  kGone,     // the client has left, or has sent something else
};

// Asks the client for its password by the method that fits to what the users file has.
// AuthenticationOk is not sent. A user that does not exist goes through the same exchange as one
// with a SCRAM verifier.
proxy::Task<LoginEnd> AuthenticateClient(const PostgresContext& context, ClientConnection& client,
                                         Credentials& credentials);

// AuthenticationOk.
void PutAuthenticationOk(std::string& out);

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_CLIENT_LOGIN_H_

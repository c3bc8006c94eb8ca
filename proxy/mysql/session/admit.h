// Decides which clients may log in.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_ADMIT_H_
#define FAILOVER_PROXY_MYSQL_SESSION_ADMIT_H_

#include <optional>
#include <string_view>

#include "failover/mysql/errors.h"
#include "proxy/core/admissions.h"
#include "proxy/mysql/protocol/handshake.h"
#include "proxy/mysql/session/mysql_context.h"

namespace mysql_proxy {

failover::mysql::MysqlError TooManyConnections();

// The refusal of a client at `host`. Tools look for its words, which are those of a server.
failover::mysql::MysqlError AccessDenied(const Login& login, std::string_view host);

// Lets a client log in that has answered `scramble` with `login`. `encrypted` tells whether the
// connection of the client uses TLS, and `host` from where the client comes. An error says in the
// words of a server why the client may not come in; nullopt: the client is in, and counts as a
// session of its user. Thread-safe, but for `admission`.
std::optional<failover::mysql::MysqlError> Admit(const MysqlContext& context, const Login& login,
                                                 std::string_view scramble, bool encrypted,
                                                 proxy::Admission& admission,
                                                 std::string_view host);

// The same for a client that is in and begins again as login.user, maybe another user than before.
std::optional<failover::mysql::MysqlError> AdmitAgain(const MysqlContext& context,
                                                      const Login& login, std::string_view scramble,
                                                      proxy::Admission& admission,
                                                      std::string_view host);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_ADMIT_H_

// Decides which clients may log in, and says what the others are told.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_ADMIT_H_
#define FAILOVER_PROXY_MYSQL_SESSION_ADMIT_H_

#include <optional>
#include <string>
#include <string_view>

#include "failover/mysql/errors.h"
#include "proxy/core/admissions.h"
#include "proxy/mysql/session/mysql_context.h"

namespace mysql_proxy {

failover::mysql::MysqlError TooManyConnections();

// Somebody who wants to log in.
struct Applicant {
  std::string user;
  std::string_view host;       // from where the client comes
  bool used_password = false;  // as far as the proxy can see
};

// The refusal of a client. Tools look for its words, which are those of a server. `hint` stands
// behind them; empty: there is none.
failover::mysql::MysqlError AccessDenied(const Applicant& applicant, std::string_view hint = {});

// The refusal of a client without TLS, if every client must encrypt its connection; nullopt: the
// client may go on. To be asked before the client proves its password. Thread-safe.
std::optional<failover::mysql::MysqlError> RefuseWithoutTls(const MysqlContext& context,
                                                            const Applicant& applicant,
                                                            bool encrypted);

// Lets a client in that has proved its password. An error says in the words of a server why the
// client may not come in; nullopt: the client is in, and counts as a session of its user.
// Thread-safe, but for `admission`.
std::optional<failover::mysql::MysqlError> Admit(const std::string& user,
                                                 proxy::Admission& admission);
// The same for a client that is in and begins again as `user`, maybe another user than before.
std::optional<failover::mysql::MysqlError> AdmitAgain(const std::string& user,
                                                      proxy::Admission& admission);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_ADMIT_H_

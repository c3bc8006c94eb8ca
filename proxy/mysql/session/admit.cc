#include "proxy/mysql/session/admit.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"

namespace mysql_proxy {

using failover::mysql::MysqlError;

namespace {

// The number and the text are those of MariaDB, which cuts the name at the same length.
MysqlError TooManyOfUser(const std::string& user) {
  constexpr std::size_t kLongestName = 64;
  return {1203, "42000",
          absl::StrCat("User ", user.substr(0, kLongestName),
                       " already has more than 'max_user_connections' active connections")};
}

std::optional<MysqlError> ErrorOf(proxy::LoginAnswer answer, const Login& login) {
  switch (answer) {
    case proxy::LoginAnswer::kWelcome:
      return std::nullopt;
    case proxy::LoginAnswer::kTooManyOfUser:
      return TooManyOfUser(login.user);
    case proxy::LoginAnswer::kTooMany:
    case proxy::LoginAnswer::kEvicted:
      break;
  }
  return TooManyConnections();
}

}  // namespace

MysqlError AccessDenied(const Login& login, std::string_view host) {
  return {1045, "28000",
          absl::StrCat("Access denied for user '", login.user, "'@'", std::string(host),
                       "' (using password: ", login.auth_answer.empty() ? "NO" : "YES", ")")};
}

MysqlError TooManyConnections() { return {1040, "08004", "Too many connections"}; }

std::optional<MysqlError> Admit(const MysqlContext& context, const Login& login,
                                std::string_view scramble, bool encrypted,
                                proxy::Admission& admission, std::string_view host) {
  // MariaDB words this refusal like that of a wrong password, so that a client without TLS does not
  // learn whether the password was right.
  if (!encrypted && context.tls != nullptr && context.tls->clients_must_encrypt()) {
    context.tls->LogRefusedClient("the client does not use TLS");
    return AccessDenied(login, host);
  }
  if (!context.users.Accepts(login.user, scramble, login.auth_answer)) {
    return AccessDenied(login, host);
  }
  return ErrorOf(admission.LogIn(login.user), login);
}

std::optional<MysqlError> AdmitAgain(const MysqlContext& context, const Login& login,
                                     std::string_view scramble, proxy::Admission& admission,
                                     std::string_view host) {
  if (!context.users.Accepts(login.user, scramble, login.auth_answer)) {
    return AccessDenied(login, host);
  }
  return ErrorOf(admission.ChangeUser(login.user), login);
}

}  // namespace mysql_proxy

#include "proxy/mysql/session/admit.h"

#include <cstddef>

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

std::optional<MysqlError> ErrorOf(proxy::LoginAnswer answer, const std::string& user) {
  switch (answer) {
    case proxy::LoginAnswer::kWelcome:
      return std::nullopt;
    case proxy::LoginAnswer::kTooManyOfUser:
      return TooManyOfUser(user);
    case proxy::LoginAnswer::kTooMany:
    case proxy::LoginAnswer::kEvicted:
      break;
  }
  return TooManyConnections();
}

}  // namespace

MysqlError AccessDenied(const Applicant& applicant, std::string_view hint) {
  return {
      1045, "28000",
      absl::StrCat("Access denied for user '", applicant.user, "'@'", std::string(applicant.host),
                   "' (using password: ", applicant.used_password ? "YES" : "NO", ")",
                   hint.empty() ? "" : ": ", std::string(hint))};
}

MysqlError TooManyConnections() { return {1040, "08004", "Too many connections"}; }

std::optional<MysqlError> RefuseWithoutTls(const MysqlContext& context, const Applicant& applicant,
                                           bool encrypted) {
  if (encrypted || context.tls == nullptr || !context.tls->clients_must_encrypt()) {
    return std::nullopt;
  }
  context.tls->LogRefusedClient("the client does not use TLS");
  // MariaDB words this refusal like that of a wrong password, so that a client without TLS does not
  // learn whether the password was right.
  return AccessDenied(applicant);
}

std::optional<MysqlError> Admit(const std::string& user, proxy::Admission& admission) {
  return ErrorOf(admission.LogIn(user), user);
}

std::optional<MysqlError> AdmitAgain(const std::string& user, proxy::Admission& admission) {
  return ErrorOf(admission.ChangeUser(user), user);
}

}  // namespace mysql_proxy

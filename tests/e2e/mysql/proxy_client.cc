#include "proxy_client.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <cstddef>

#include "support/patience.h"

namespace mysql_proxy {
namespace {

constexpr unsigned int kClientSeconds = failover::test::kPatience.count();
constexpr std::size_t kMaxParameter = 256;

const char* FileOrNull(const std::string& name) { return name.empty() ? nullptr : name.c_str(); }

}  // namespace

ProxyClient::ProxyClient(std::uint16_t port, const ProxyClientOptions& options)
    : handle_(mysql_init(nullptr)) {
  mysql_options(handle(), MYSQL_OPT_CONNECT_TIMEOUT, &kClientSeconds);
  mysql_options(handle(), MYSQL_OPT_READ_TIMEOUT, &kClientSeconds);
  mysql_options(handle(), MYSQL_OPT_WRITE_TIMEOUT, &kClientSeconds);
  const my_bool enforce = options.tls ? 1 : 0;
  const my_bool verify = options.ca.empty() ? 0 : 1;
  mysql_options(handle(), MYSQL_OPT_SSL_ENFORCE, &enforce);
  if (options.tls) {
    mysql_ssl_set(handle(), FileOrNull(options.key), FileOrNull(options.certificate),
                  FileOrNull(options.ca), nullptr, nullptr);
  }
  mysql_options(handle(), MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  const unsigned int protocol = MYSQL_PROTOCOL_TCP;
  mysql_options(handle(), MYSQL_OPT_PROTOCOL, &protocol);
  mysql_real_connect(handle(), options.host.c_str(), options.user.c_str(), options.password.c_str(),
                     options.schema.empty() ? nullptr : options.schema.c_str(), port, nullptr,
                     options.flags);
  KeepError();
}

const MysqlError& ProxyClient::KeepError() {
  error_ = {mysql_errno(handle()), mysql_sqlstate(handle()), mysql_error(handle())};
  return error_;
}

const MysqlError& ProxyClient::Run(const std::string& sql) {
  Ask(sql);
  return error_;
}

std::string ProxyClient::Ask(const std::string& sql) {
  std::string answer;
  int more = mysql_real_query(handle(), sql.data(), sql.size());
  while (more == 0) {
    if (MYSQL_RES* const rows = mysql_store_result(handle()); rows != nullptr) {
      while (const MYSQL_ROW row = mysql_fetch_row(rows)) {
        if (!answer.empty()) answer += ' ';
        answer += row[0] == nullptr ? "NULL" : row[0];
      }
      mysql_free_result(rows);
    }
    more = mysql_more_results(handle()) ? mysql_next_result(handle()) : -1;
  }
  KeepError();
  return answer;
}

void ProxyClient::Send(const std::string& sql) {
  EXPECT_EQ(mysql_send_query(handle(), sql.data(), sql.size()), 0);
}

const MysqlError& ProxyClient::Receive() {
  if (mysql_read_query_result(handle()) == 0) mysql_free_result(mysql_store_result(handle()));
  return KeepError();
}

bool ProxyClient::HasNews() {
  pollfd file = {static_cast<int>(mysql_get_socket(handle())), POLLIN, 0};
  return poll(&file, 1, 0) == 1;
}

ProxyStatement::ProxyStatement(ProxyClient& client, const std::string& sql)
    : handle_(mysql_stmt_init(client.handle())) {
  mysql_stmt_prepare(handle(), sql.data(), sql.size());
  KeepError();
  const std::size_t parameters = mysql_stmt_param_count(handle());
  bound_.resize(parameters);
  binds_.resize(parameters);
  lengths_.resize(parameters);
  for (std::size_t i = 0; i < parameters; ++i) {
    bound_[i].resize(kMaxParameter);
    binds_[i] = {};
    binds_[i].buffer_type = MYSQL_TYPE_STRING;
    binds_[i].buffer = bound_[i].data();
    binds_[i].buffer_length = kMaxParameter;
    binds_[i].length = &lengths_[i];
  }
  if (parameters > 0) mysql_stmt_bind_param(handle(), binds_.data());
}

const MysqlError& ProxyStatement::KeepError() {
  error_ = {mysql_stmt_errno(handle()), mysql_stmt_sqlstate(handle()), mysql_stmt_error(handle())};
  return error_;
}

std::string ProxyStatement::Execute(const std::vector<std::string>& parameters) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    lengths_[i] = parameters[i].copy(bound_[i].data(), kMaxParameter);
  }
  char text[kMaxParameter];
  unsigned long length = 0;
  MYSQL_BIND result = {};
  result.buffer_type = MYSQL_TYPE_STRING;
  result.buffer = text;
  result.buffer_length = sizeof text;
  result.length = &length;
  mysql_stmt_execute(handle());
  KeepError();
  if (error_.number != 0 || mysql_stmt_field_count(handle()) == 0) return {};
  mysql_stmt_bind_result(handle(), &result);
  if (mysql_stmt_store_result(handle()) != 0) KeepError();
  const bool has_row = mysql_stmt_fetch(handle()) == 0;
  mysql_stmt_free_result(handle());
  return has_row ? std::string(text, length) : std::string();
}

}  // namespace mysql_proxy

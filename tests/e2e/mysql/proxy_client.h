// A client of the proxy, on top of libmariadb.
#ifndef FAILOVER_TESTS_E2E_MYSQL_PROXY_CLIENT_H_
#define FAILOVER_TESTS_E2E_MYSQL_PROXY_CLIENT_H_

#include <mysql.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "failover/mysql/errors.h"
#include "support/live_mysql_server.h"

namespace mysql_proxy {

using failover::mysql::MysqlError;

struct ProxyClientOptions {
  std::string user = failover::mysql::kAppUser;
  std::string password = failover::mysql::kAppPassword;
  std::string schema = "d";
  unsigned long flags = CLIENT_MULTI_STATEMENTS;
};

// Blocking. Whoever hangs fails after test::kPatience.
class ProxyClient {
 public:
  // Connects; error() tells whether it could.
  explicit ProxyClient(std::uint16_t port, const ProxyClientOptions& options = {});

  MYSQL* handle() { return handle_.get(); }
  // What the last call ended with; the number is 0 if it was fine.
  const MysqlError& error() const { return error_; }

  // Runs one statement, or several, and drops the results.
  const MysqlError& Run(const std::string& sql);
  // The first fields of all rows of all results, each behind the other with blanks between.
  std::string Ask(const std::string& sql);

  // In two parts, to do something meanwhile.
  void Send(const std::string& sql);
  const MysqlError& Receive();

  // Whether something has come that was not received yet: an answer, or the end of the connection.
  bool HasNews();

  // After a call of libmariadb.
  const MysqlError& KeepError();

 private:
  struct Close {
    void operator()(MYSQL* handle) const { mysql_close(handle); }
  };

  std::unique_ptr<MYSQL, Close> handle_;
  MysqlError error_;
};

// A prepared statement of it.
class ProxyStatement {
 public:
  ProxyStatement(ProxyClient& client, const std::string& sql);

  MYSQL_STMT* handle() { return handle_.get(); }
  const MysqlError& error() const { return error_; }

  // Executes it with these parameters, drops the result, and returns its first field, if any.
  std::string Execute(const std::vector<std::string>& parameters = {});
  const MysqlError& KeepError();

 private:
  struct Close {
    void operator()(MYSQL_STMT* handle) const { mysql_stmt_close(handle); }
  };

  std::unique_ptr<MYSQL_STMT, Close> handle_;
  MysqlError error_;
  // What is bound; libmariadb sends the types again only if it is bound anew.
  std::vector<std::string> bound_;
  std::vector<MYSQL_BIND> binds_;
  std::vector<unsigned long> lengths_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_TESTS_E2E_MYSQL_PROXY_CLIENT_H_

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
  bool tls = false;
  // With a file, the proxy must show a certificate of these authorities for `host`.
  std::string ca = {};
  std::string certificate = {};
  std::string key = {};
  std::string host = "127.0.0.1";
};

// Every call blocks. A call that gets no answer fails after test::kPatience.
class ProxyClient {
 public:
  // Connects. error() tells whether the client could.
  explicit ProxyClient(std::uint16_t port, const ProxyClientOptions& options = {});

  MYSQL* handle() { return handle_.get(); }
  // The error of the last call. The number is 0 if the call succeeded.
  const MysqlError& error() const { return error_; }

  // Runs one statement or several, and drops the results.
  const MysqlError& Run(const std::string& sql);
  // Returns the first fields of all rows of all results, with blanks between them.
  std::string Ask(const std::string& sql);

  // Send sends a statement; Receive waits for its end. The test may do something between them.
  void Send(const std::string& sql);
  const MysqlError& Receive();

  // Whether bytes have come that were not received yet: an answer, or the end of the connection.
  bool HasNews();

  // For a test that has called libmariadb itself: keeps the error of this call.
  const MysqlError& KeepError();

 private:
  struct Close {
    void operator()(MYSQL* handle) const { mysql_close(handle); }
  };

  std::unique_ptr<MYSQL, Close> handle_;
  MysqlError error_;
};

// A prepared statement of a ProxyClient.
class ProxyStatement {
 public:
  ProxyStatement(ProxyClient& client, const std::string& sql);

  MYSQL_STMT* handle() { return handle_.get(); }
  const MysqlError& error() const { return error_; }

  // Executes the statement with these parameters, drops the result, and returns its first field.
  // The answer is empty if there is no row.
  std::string Execute(const std::vector<std::string>& parameters = {});
  const MysqlError& KeepError();

 private:
  struct Close {
    void operator()(MYSQL_STMT* handle) const { mysql_stmt_close(handle); }
  };

  std::unique_ptr<MYSQL_STMT, Close> handle_;
  MysqlError error_;
  // The parameters are bound once, because libmariadb sends their types again after each binding.
  std::vector<std::string> bound_;
  std::vector<MYSQL_BIND> binds_;
  std::vector<unsigned long> lengths_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_TESTS_E2E_MYSQL_PROXY_CLIENT_H_

#include "mariadb_server.h"

#include <mysql.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mysql_error.h"

namespace failover_demo {
namespace {

struct CloseConnection {
  void operator()(MYSQL* mysql) const { mysql_close(mysql); }
};
struct FreeResult {
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
};
using MysqlPtr = std::unique_ptr<MYSQL, CloseConnection>;
using ResultPtr = std::unique_ptr<MYSQL_RES, FreeResult>;

class MariadbConnection final : public Connection {
 public:
  explicit MariadbConnection(MysqlPtr mysql) : mysql_(std::move(mysql)) {}

  // Between two statements the server sends nothing, unless it closes the connection. So any byte
  // or end of file at the socket means that the connection is not usable.
  bool IsOpen() override {
    char byte;
    const ssize_t received =
        recv(mysql_get_socket(mysql_.get()), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
    return received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  absl::Status Insert(RowId row) override {
    return Run(absl::StrCat("INSERT INTO demo.requests (row_id) VALUES (", row, ")")).status();
  }

  absl::StatusOr<bool> Exists(RowId row) override {
    absl::StatusOr<ResultPtr> result =
        Run(absl::StrCat("SELECT 1 FROM demo.requests WHERE row_id = ", row, " LIMIT 1"));
    if (!result.ok()) return result.status();
    return mysql_fetch_row(result->get()) != nullptr;
  }

  absl::StatusOr<std::vector<RowId>> AllRows() override {
    absl::StatusOr<ResultPtr> result = Run("SELECT row_id FROM demo.requests");
    if (!result.ok()) return result.status();
    std::vector<RowId> rows;
    while (const MYSQL_ROW row = mysql_fetch_row(result->get())) {
      rows.push_back(std::strtoll(row[0], nullptr, 10));
    }
    return rows;
  }

 private:
  // Returns the result of `sql`, or null if the statement has no result.
  absl::StatusOr<ResultPtr> Run(const std::string& sql) {
    if (mysql_real_query(mysql_.get(), sql.data(), sql.size()) != 0) return LastError();
    ResultPtr result(mysql_store_result(mysql_.get()));
    if (result == nullptr && mysql_errno(mysql_.get()) != 0) return LastError();
    return result;
  }

  absl::Status LastError() {
    return StatementError(mysql_errno(mysql_.get()), mysql_error(mysql_.get()));
  }

  const MysqlPtr mysql_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> MariadbServer::Connect() {
  MysqlPtr mysql(mysql_init(nullptr));
  if (mysql == nullptr) return absl::ResourceExhaustedError("mysql_init: out of memory");
  const unsigned int connect_seconds = 2;
  const unsigned int answer_seconds = 20;
  mysql_options(mysql.get(), MYSQL_OPT_CONNECT_TIMEOUT, &connect_seconds);
  mysql_options(mysql.get(), MYSQL_OPT_READ_TIMEOUT, &answer_seconds);
  mysql_options(mysql.get(), MYSQL_OPT_WRITE_TIMEOUT, &answer_seconds);
  if (mysql_real_connect(mysql.get(), access_.host.c_str(), access_.user.c_str(),
                         access_.password.c_str(), nullptr, access_.port, nullptr, 0) == nullptr) {
    return ConnectError(mysql_errno(mysql.get()), mysql_error(mysql.get()));
  }
  return std::make_unique<MariadbConnection>(std::move(mysql));
}

}  // namespace failover_demo

#include "postgres_server.h"

#include <libpq-fe.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "failover/postgres/errors.h"

namespace failover_demo {
namespace {

using failover::postgres::PostgresError;
using failover::postgres::Source;

struct CloseConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct FreeResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ConnectionPtr = std::unique_ptr<PGconn, CloseConnection>;
using ResultPtr = std::unique_ptr<PGresult, FreeResult>;

std::string Field(const PGresult* result, int field) {
  const char* const text = PQresultErrorField(result, field);
  return text == nullptr ? "" : text;
}

// Returns the error or the notice that a server sent. nullopt: libpq made this result itself.
std::optional<PostgresError> ServerMessage(const PGresult* result, Source source) {
  PostgresError error;
  error.sqlstate = Field(result, PG_DIAG_SQLSTATE);
  if (error.sqlstate.empty()) return std::nullopt;
  error.source = source;
  error.severity = failover::postgres::SeverityOf(Field(result, PG_DIAG_SEVERITY_NONLOCALIZED));
  error.text = Field(result, PG_DIAG_MESSAGE_PRIMARY);
  error.routine = Field(result, PG_DIAG_SOURCE_FUNCTION);
  return error;
}

class PostgresConnection final : public Connection {
 public:
  explicit PostgresConnection(ConnectionPtr connection) : connection_(std::move(connection)) {
    PQsetNoticeReceiver(connection_.get(), TakeNotice, this);
  }

  // Between two statements the server sends nothing, unless it closes the connection. So any byte
  // or end of file at the socket means that the connection is not usable.
  bool IsOpen() override {
    char byte;
    const ssize_t received =
        recv(PQsocket(connection_.get()), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
    return received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  absl::Status Insert(RowId row) override {
    return Run(absl::StrCat("INSERT INTO requests (row_id) VALUES (", row, ")")).status();
  }

  absl::StatusOr<bool> Exists(RowId row) override {
    const absl::StatusOr<ResultPtr> result =
        Run(absl::StrCat("SELECT 1 FROM requests WHERE row_id = ", row, " LIMIT 1"));
    if (!result.ok()) return result.status();
    return PQntuples(result->get()) > 0;
  }

  absl::StatusOr<std::vector<RowId>> AllRows() override {
    const absl::StatusOr<ResultPtr> result = Run("SELECT row_id FROM requests");
    if (!result.ok()) return result.status();
    const int count = PQntuples(result->get());
    std::vector<RowId> rows;
    rows.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      rows.push_back(std::strtoll(PQgetvalue(result->get(), i, 0), nullptr, 10));
    }
    return rows;
  }

 private:
  // A server that ends may say its last words in a notice.
  static void TakeNotice(void* connection, const PGresult* notice) {
    static_cast<PostgresConnection*>(connection)->last_notice_ =
        ServerMessage(notice, Source::kNoticeResponse);
  }

  // Runs one statement outside of any transaction.
  absl::StatusOr<ResultPtr> Run(const std::string& sql) {
    last_notice_.reset();
    failover::postgres::Statement statement;
    statement.kind = failover::postgres::StatementKind::kSingle;
    if (PQsendQuery(connection_.get(), sql.c_str()) == 0) {
      return failover::postgres::ToStatus(ConnectionLost(), statement);
    }
    ResultPtr answer;
    std::optional<PostgresError> error;
    while (ResultPtr result = ResultPtr(PQgetResult(connection_.get()))) {
      const ExecStatusType status = PQresultStatus(result.get());
      if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        answer = std::move(result);
      } else if (!error.has_value()) {
        // libpq adds a result of its own to the last error of a connection.
        error = ServerMessage(result.get(), Source::kErrorResponse).value_or(ConnectionLost());
      }
    }
    if (!error.has_value() && answer != nullptr) return answer;
    statement.reply_begun = answer != nullptr;
    return failover::postgres::ToStatus(error.value_or(ConnectionLost()), statement);
  }

  PostgresError ConnectionLost() const {
    if (last_notice_.has_value()) return *last_notice_;
    PostgresError error;
    error.source = Source::kConnectionLost;
    error.text = PQerrorMessage(connection_.get());
    return error;
  }

  const ConnectionPtr connection_;
  std::optional<PostgresError> last_notice_;
};

// libpq does not tell the SQLSTATE of a refused login. Its text says why.
absl::Status ConnectError(const PGconn* connection) {
  PostgresError error;
  error.source = Source::kConnectFailed;
  error.text = PQerrorMessage(connection);
  failover::postgres::Statement statement;
  statement.send_state = failover::postgres::SendState::kNotSent;
  return failover::postgres::ToStatus(error, statement);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> PostgresServer::Connect() {
  const std::string port = std::to_string(access_.port);
  const std::array<std::pair<const char*, const char*>, 7> parameters = {{
      {"hostaddr", access_.host.c_str()},
      {"port", port.c_str()},
      {"user", access_.user.c_str()},
      {"password", access_.password.c_str()},
      {"dbname", "postgres"},
      {"sslmode", "disable"},
      {"connect_timeout", "2"},
  }};
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : parameters) {
    keywords.push_back(keyword);
    values.push_back(value);
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  ConnectionPtr connection(PQconnectdbParams(keywords.data(), values.data(), 0));
  if (connection == nullptr) return absl::ResourceExhaustedError("PQconnectdb: out of memory");
  if (PQstatus(connection.get()) != CONNECTION_OK) return ConnectError(connection.get());
  return std::make_unique<PostgresConnection>(std::move(connection));
}

}  // namespace failover_demo

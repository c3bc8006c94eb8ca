// A blocking client of PostgreSQL that speaks the protocol itself. It shows what a client library
// hides: whether a last word was an ErrorResponse or a NoticeResponse, and all its fields.
#ifndef FAILOVER_TESTS_SUPPORT_POSTGRES_WIRE_CLIENT_H_
#define FAILOVER_TESTS_SUPPORT_POSTGRES_WIRE_CLIENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "failover/postgres/errors.h"

namespace failover::postgres {

// What a server sent until it was ready for the next query, or until the connection ended.
struct Reply {
  // The first ErrorResponse, and what its field S says, which may be translated.
  std::optional<PostgresError> error;
  std::string translated_severity;
  std::vector<PostgresError> notices;
  // The tags of all messages CommandComplete.
  std::vector<std::string> tags;
  // The first field of the first row.
  std::string field;
  // What ReadyForQuery said: I, T or E. A blank if the connection ended before.
  char status = ' ';

  bool succeeded() const { return !error.has_value() && status != ' '; }
  // The error as a router passes it on: the ErrorResponse; or the last notice before the end of
  // the connection; or that the connection was lost.
  PostgresError Error() const;
};

class WireClient {
 public:
  using Parameters = std::vector<std::pair<std::string, std::string>>;

  // Connects to loopback and logs in. login() tells how that went. If the server refuses the
  // connection, the error of login() is a kConnectFailed.
  explicit WireClient(std::uint16_t port, const Parameters& parameters = {{"user", "postgres"}});
  ~WireClient();

  WireClient(const WireClient&) = delete;
  WireClient& operator=(const WireClient&) = delete;

  const Reply& login() const { return login_; }
  // The process of the server that serves this client.
  int pid() const { return pid_; }

  // Runs statements in one simple query.
  Reply Run(const std::string& statements);
  // Repeats the query until the first field of its reply is `field`. Returns false after
  // test::kPatience.
  bool AwaitField(const std::string& query, const std::string& field);

  // Send and Receive are the two halves of Run, so that a test can do something else in between.
  void Send(const std::string& statements);
  // Sends each statement by Parse, Bind and Execute, and one Sync behind the last.
  void SendPipeline(const std::vector<std::string>& statements);
  Reply Receive();

 private:
  bool Connect(std::uint16_t port);
  void Write(const std::string& bytes) const;
  bool Read(std::size_t size, std::string* bytes) const;
  // Reads one message into `type` and `body`. Returns false if the connection ended.
  bool ReadMessage(char* type, std::string* body) const;
  void Note(char type, const std::string& body, Reply* reply);

  int socket_ = -1;
  int pid_ = 0;
  Reply login_;
};

}  // namespace failover::postgres

#endif  // FAILOVER_TESTS_SUPPORT_POSTGRES_WIRE_CLIENT_H_

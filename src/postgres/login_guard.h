// Looks at what a server sends during a login without TLS, and finds what could give the password
// of the monitor away, or make libpq compute for ever.
#ifndef FAILOVER_SRC_POSTGRES_LOGIN_GUARD_H_
#define FAILOVER_SRC_POSTGRES_LOGIN_GUARD_H_

#include <string>
#include <string_view>

namespace failover::postgres::internal {

// libpq 15 answers whatever a server asks, also with the password in clear text. So the guard reads
// the messages of the server before libpq does.
//
// One guard reads one login. Not thread-safe.
class LoginGuard {
 public:
  // The most iterations of SCRAM that a server may ask for.
  static constexpr int kMostIterations = 100'000;

  // Reads the next piece of what the server sends. Returns false if libpq must not see the piece;
  // `problem` tells the reason then.
  bool Allows(std::string_view piece);
  const std::string& problem() const { return problem_; }

 private:
  // Reads the message at the beginning of `unread_`. Returns false if the message is not complete.
  bool ReadMessage();
  void ReadRequest(std::string_view body);

  // What the server has sent and the guard has not read: less than one message.
  std::string unread_;
  // The server has logged the monitor in, or libpq gives the login up by itself.
  bool done_ = false;
  std::string problem_;
};

}  // namespace failover::postgres::internal

#endif  // FAILOVER_SRC_POSTGRES_LOGIN_GUARD_H_

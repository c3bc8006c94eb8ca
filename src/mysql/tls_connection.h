// Connects to a server with TLS, and makes nobody wait.
#ifndef FAILOVER_SRC_MYSQL_TLS_CONNECTION_H_
#define FAILOVER_SRC_MYSQL_TLS_CONNECTION_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "failover/mysql/monitored_server.h"
#include "mysql/client_handle.h"

namespace failover::mysql::internal {

// One attempt to connect. Even the non-blocking functions of libmariadb wait for the server during
// a TLS handshake. So each attempt has a thread of its own.
//
// Not thread-safe.
class TlsConnection {
 public:
  // Begins to connect `handle` to `address`, which is numeric. When the attempt has ended, the
  // other thread calls `ended`. If the system gives no thread, the attempt has ended at once, and
  // `ended` is not called.
  TlsConnection(ClientHandle handle, const MonitoredServer& server, const std::string& address,
                std::function<void()> ended);
  // Abandons the attempt, and waits until its thread has ended: a thread that outlives its monitor
  // would still use OpenSSL while the process takes OpenSSL down.
  ~TlsConnection();

  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  // Closes the connection, so that the attempt ends soon, however long the server waits. The time
  // that is left is processor time: libmariadb reads certificates, for one attempt at a time.
  void Abandon();

  bool ended() const;

  // The next functions may be called when the attempt has ended.

  // Whether the handle is connected. If not, the handle may have an error.
  bool connected() const;
  // What the router itself lacked. Empty if the router lacked nothing.
  const std::string& own_trouble() const;
  ClientHandle Take();

 private:
  struct Attempt;
  const std::unique_ptr<Attempt> attempt_;
  std::thread thread_;
};

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_TLS_CONNECTION_H_

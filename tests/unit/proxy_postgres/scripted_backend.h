// A PostgreSQL server for tests, inside the test's process, that answers what its script says.
#ifndef FAILOVER_TESTS_UNIT_PROXY_POSTGRES_SCRIPTED_BACKEND_H_
#define FAILOVER_TESTS_UNIT_PROXY_POSTGRES_SCRIPTED_BACKEND_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace postgres_proxy::test {

// What a backend does with a request.
struct Answer {
  std::string bytes;
  bool hang_up = false;  // closes the connection behind the answer
};

// Messages of a server.
std::string Done(std::string_view tag, char status = 'I');  // CommandComplete and ReadyForQuery
std::string Row(std::string_view value);
std::string Fields();  // RowDescription of one column
std::string Error(std::string_view severity, std::string_view sqlstate, std::string_view text);
std::string Notice(std::string_view severity, std::string_view sqlstate, std::string_view text);
std::string Ready(char status);

// Listens on loopback. Everybody may log in. Thread-safe.
class ScriptedBackend {
 public:
  // Answers a request. The request is written as the types of its messages, a blank, and the first
  // text in it that is not empty: "Q SELECT 1", "PBDES SELECT 1", "BES name". A message of COPY
  // counts as a request of its own.
  using Script = std::function<Answer(const std::string& request)>;

  explicit ScriptedBackend(Script script);
  // Closes all connections.
  ~ScriptedBackend();

  ScriptedBackend(const ScriptedBackend&) = delete;
  ScriptedBackend& operator=(const ScriptedBackend&) = delete;

  std::uint16_t port() const { return port_; }
  // Says something to all clients without being asked.
  void Say(const std::string& bytes);
  // Closes the connections that there are, but not the port.
  void CloseConnections();

  // All requests so far.
  std::vector<std::string> requests();
  // How often this request has come.
  int Count(const std::string& request);
  // Blocks until the request has come so many times.
  void Await(const std::string& request, int count = 1);
  // Blocks until so many clients have logged in, and returns the start-up packet of the last.
  std::string AwaitLogins(int count);
  // The keys of the requests to cancel that have come, each as "pid/secret".
  std::vector<std::string> cancels();
  void AwaitCancel();

 private:
  void Listen();
  void Accept();
  void Serve(int socket);
  void ServeSession(int socket);
  std::string ReadRequest(int socket);

  const Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread acceptor_;

  std::mutex mutex_;
  std::condition_variable change_;
  // mutex_ guards the rest.
  bool ended_ = false;
  std::vector<std::string> requests_;
  std::vector<std::string> startups_;
  std::vector<std::string> cancels_;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
};

}  // namespace postgres_proxy::test

#endif  // FAILOVER_TESTS_UNIT_PROXY_POSTGRES_SCRIPTED_BACKEND_H_

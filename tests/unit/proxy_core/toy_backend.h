// A database server for tests, inside the test's process: a line of text is a statement, and a line
// of text is the answer.
#ifndef FAILOVER_TESTS_UNIT_PROXY_CORE_TOY_BACKEND_H_
#define FAILOVER_TESTS_UNIT_PROXY_CORE_TOY_BACKEND_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace proxy::test {

// Reads the lines that come over a TCP connection. Blocking.
class LineReader {
 public:
  // `socket` is not owned.
  explicit LineReader(int socket) : socket_(socket) {}

  // The next line, without its end. Empty: the connection is closed.
  std::string Next();

 private:
  const int socket_;
  std::string input_;
};

// Listens on loopback. A backend that takes writes answers "name: statement"; one that does not
// answers "read-only". The statement "hang" gets its answer only after Release. Thread-safe.
class ToyBackend {
 public:
  explicit ToyBackend(std::string name);
  // Closes all connections.
  ~ToyBackend();

  ToyBackend(const ToyBackend&) = delete;
  ToyBackend& operator=(const ToyBackend&) = delete;

  std::uint16_t port() const { return port_; }

  void SetWritable(bool writable);
  // Answers the statements that hang, those that come later included.
  void Release();
  // Closes the connections that there are, but not the port.
  void CloseConnections();

  // Blocks until so many statements have come.
  void AwaitStatements(int count);
  int statements();
  // How many connections there have been.
  int connections();

 private:
  void Listen();
  void Accept();
  void Serve(int socket);
  std::string Answer(const std::string& statement);

  const std::string name_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread acceptor_;

  std::mutex mutex_;
  std::condition_variable change_;
  // mutex_ guards the rest.
  bool writable_ = true;
  bool released_ = false;
  bool ended_ = false;
  int statements_ = 0;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
};

}  // namespace proxy::test

#endif  // FAILOVER_TESTS_UNIT_PROXY_CORE_TOY_BACKEND_H_

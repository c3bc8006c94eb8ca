// FakeServer is a server on loopback. It speaks just enough of MySQL's protocol to be asked whether
// it takes writes, and it misbehaves on demand.
#ifndef FAILOVER_TESTS_SUPPORT_FAKE_MYSQL_SERVER_H_
#define FAILOVER_TESTS_SUPPORT_FAKE_MYSQL_SERVER_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace failover::mysql {

// The class is thread-safe. It serves one connection after the other.
class FakeServer {
 public:
  enum class Mode : std::uint8_t {
    kServe,
    kHang,              // The server takes connections and bytes, and never answers.
    kHangUp,            // The server closes every connection at once.
    kRefuseLogin,       // The server answers a login with error 1045.
    kFull,              // The server sends error 1040 instead of a greeting.
    kAskClearPassword,  // The server asks for the password in clear text.
    kRefuseQueries,     // The server answers queries with error 1226.
    kNonsense,          // The server answers queries with a malformed result.
  };

  // The State is what the server tells about itself.
  struct State {
    Mode mode = Mode::kServe;
    std::string read_only = "0";
    std::string innodb_read_only = "0";
    bool galera = false;
    bool wsrep_ready = true;
  };

  explicit FakeServer(State state);
  ~FakeServer();

  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  std::uint16_t port() const { return port_; }
  void Set(State state);
  // Closes the open connection, as a KILL or an idle time-out does.
  void DropConnection();

  // How many connections the server has accepted.
  int connections() const;
  // These wait until the server has taken `more` more connections, or answered `more` more queries.
  // They return false after a time that is far longer than needed.
  bool AwaitConnections(int more);
  bool AwaitQueries(int more);
  // Returns all bytes that clients have sent.
  std::string received() const;

 private:
  void Run();
  void Serve(int connection);
  // These two return false if the connection is over.
  bool Greet(int connection);
  bool Answer(int connection, std::string_view question);
  State state() const;
  // Waits until `fd` is readable. Returns false if the connection has to end.
  bool AwaitReadable(int fd);
  bool ReadPacket(int connection, std::string* payload);
  bool ReadBytes(int connection, std::size_t count, std::string* bytes);
  bool Send(int connection, std::string_view payload);

  int listener_ = -1;
  int wake_up_ = -1;
  std::uint16_t port_ = 0;
  std::uint8_t sequence_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_;
  bool stopping_ = false;
  bool dropping_ = false;
  int connections_ = 0;
  int queries_ = 0;
  std::string received_;

  std::thread thread_;
};

}  // namespace failover::mysql

#endif  // FAILOVER_TESTS_SUPPORT_FAKE_MYSQL_SERVER_H_

// A server on loopback that speaks just enough of MySQL's protocol to say whether it takes writes.
// The server misbehaves on demand.
#ifndef FAILOVER_TESTS_SUPPORT_FAKE_MYSQL_SERVER_H_
#define FAILOVER_TESTS_SUPPORT_FAKE_MYSQL_SERVER_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace failover::mysql {

// Serves one connection after the other. Thread-safe.
class FakeServer {
 public:
  enum class Mode : std::uint8_t {
    kServe,
    kHang,              // takes connections and what is sent, and says nothing at all
    kHangUp,            // closes every connection at once
    kRefuseLogin,       // error 1045
    kFull,              // error 1040 instead of a greeting
    kAskClearPassword,  // wants the password in the clear
    kRefuseQueries,     // error 1226
    kNonsense,          // answers queries with a result that does not fit
  };

  // How the server behaves, and what it tells about itself.
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
  // Closes the connection that is open, as a KILL or an idle time-out does.
  void DropConnection();

  // How many connections the server has accepted.
  int connections() const;
  // Waits until the server has accepted `more` connections, or has answered `more` queries, since
  // the call began. Returns false if that takes longer than a generous while.
  bool AwaitConnections(int more);
  bool AwaitQueries(int more);
  // All bytes that clients have sent.
  std::string received() const;

 private:
  void Run();
  void Serve(int connection);
  // Both return false if the connection is over.
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

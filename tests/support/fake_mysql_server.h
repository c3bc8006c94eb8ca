// FakeServer is a server on loopback. It speaks just enough of MySQL's protocol to be asked whether
// it takes writes, and it misbehaves on demand.
#ifndef FAILOVER_TESTS_SUPPORT_FAKE_MYSQL_SERVER_H_
#define FAILOVER_TESTS_SUPPORT_FAKE_MYSQL_SERVER_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

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
    kAskPlugin,  // The server asks for the authentication `plugin`, and offers kFakePublicKey.
    kHangInTls,  // The server offers TLS, and then never answers.
    kTrickle,    // The server sends a greeting that never ends, a byte at a time.
    kEndlessGreeting,  // The rest sends kFlood bytes: in the greeting,
    kEndlessColumns,   // as columns of a result,
    kEndlessRows,      // as rows of a result,
    kHugeRow,          // as one row of a result.
  };

  // So much is sent by a server that floods its client, if the client takes it.
  static constexpr std::size_t kFlood = std::size_t{64} << 20;

  // The State is what the server tells about itself.
  struct State {
    Mode mode = Mode::kServe;
    std::string read_only = "0";
    std::string innodb_read_only = "0";
    bool galera = false;
    bool wsrep_ready = true;
    std::string plugin = {};
    // The error of kRefuseLogin.
    int error = 1045;
    std::string error_text = "Access denied for user 'monitor'";
    // More global variables, which tell who the server is.
    std::vector<std::pair<std::string, std::string>> variables = {};
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
  // Returns what clients have sent after the server asked for a plugin, packet by packet.
  std::vector<std::string> received_after_ask() const;
  // Returns how many bytes of a flood were sent.
  std::size_t flooded() const;
  // Waits until no connection is open.
  bool AwaitNoConnection();

 private:
  void Run();
  void Serve(int connection);
  // These two return false if the connection is over.
  bool Greet(int connection);
  bool Answer(int connection, std::string_view question);
  bool AskForPlugin(int connection, const std::string& plugin);
  void Trickle(int connection);
  // Sends `piece` again and again. Returns false: then the connection is over.
  bool Flood(int connection, std::string_view piece);
  State state() const;
  // Waits until `fd` is ready for the events of poll(2). Returns false if the connection has to
  // end.
  bool AwaitReady(int fd, short wanted, int timeout_ms = -1);
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
  std::vector<std::string> received_after_ask_;
  std::size_t flooded_ = 0;
  bool serving_ = false;

  std::thread thread_;
};

}  // namespace failover::mysql

#endif  // FAILOVER_TESTS_SUPPORT_FAKE_MYSQL_SERVER_H_

// FakeServer is a server on loopback that sends what a script says, so that it speaks just enough
// of PostgreSQL's protocol to be asked whether it takes writes, and misbehaves on demand.
#ifndef FAILOVER_TESTS_SUPPORT_FAKE_POSTGRES_SERVER_H_
#define FAILOVER_TESTS_SUPPORT_FAKE_POSTGRES_SERVER_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace failover::postgres {

// Messages of a server.
std::string Message(char type, std::string_view body);
// A request for authentication of the kind `request`, with the data that belong to the kind.
std::string Authentication(std::uint32_t request, std::string_view data = {});
std::string ErrorMessage(std::string_view severity, std::string_view sqlstate,
                         std::string_view text);
std::string ReadyForQuery();
// The login has succeeded.
std::string LoggedIn();
// A result with one row, without and with the end of the answer. nullopt stands for NULL.
std::string Row(const std::vector<std::optional<std::string>>& fields);
std::string Answer(const std::vector<std::optional<std::string>>& fields);

// The class is thread-safe. It serves one connection after the other.
class FakeServer {
 public:
  // So much is sent by a server that floods its client, if the client takes it.
  static constexpr std::size_t kFlood = std::size_t{64} << 20;

  struct Script {
    // What the server sends after the first message of a client, after the second, and so on. If
    // there are more messages, the last reply is sent again.
    std::vector<std::string> replies;
    // The server closes the connection when it has sent so many replies; 0 means never.
    std::size_t hang_up_after = 0;
    // The server sends the last reply again and again.
    bool flood = false;
  };

  explicit FakeServer(Script script);
  ~FakeServer();

  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  std::uint16_t port() const { return port_; }
  // The next connection sees the new script, and the open one from its next message on.
  void Set(Script script);
  // How many connections the server has accepted.
  int connections() const;
  // All messages that clients have sent, in order, with their types.
  std::vector<std::string> received() const;
  // How many bytes of a flood were sent.
  std::size_t flooded() const;
  // Wait until the server has got `count` messages, and until no connection is open. They return
  // false after test::kPatience.
  bool AwaitMessages(std::size_t count);
  bool AwaitNoConnection();

 private:
  void Run();
  void Serve(int connection);
  bool AwaitReady(int fd, short wanted);
  bool Read(int connection, std::size_t size, std::string* bytes);
  bool ReadMessage(int connection, bool first, std::string* message);
  bool Send(int connection, std::string_view bytes, bool flood);
  bool Reply(int connection, std::size_t number);

  int listener_ = -1;
  int wake_up_ = -1;
  std::uint16_t port_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Script script_;
  int connections_ = 0;
  bool serving_ = false;
  std::vector<std::string> received_;
  std::size_t flooded_ = 0;

  std::thread thread_;
};

}  // namespace failover::postgres

#endif  // FAILOVER_TESTS_SUPPORT_FAKE_POSTGRES_SERVER_H_

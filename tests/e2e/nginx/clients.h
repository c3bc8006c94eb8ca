// Clients that connect, insert one row and leave.
#ifndef FAILOVER_TESTS_E2E_NGINX_CLIENTS_H_
#define FAILOVER_TESTS_E2E_NGINX_CLIENTS_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace nginx {

// Each client is a thread. No row of this program is inserted twice.
class Clients {
 public:
  // Until Stop, the clients come again and again.
  static constexpr int kEndless = -1;

  // `rounds`: how often each client comes.
  Clients(std::uint16_t port, int clients, int rounds);
  ~Clients();

  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  // Waits until so many rows in all are acknowledged. Returns false after test::kPatience.
  bool AwaitRows(std::size_t rows) const;
  std::size_t rows() const;
  // Waits until all clients have left for good. Endless clients finish their row.
  void Stop();
  void Join();

  // After Join or Stop: the rows that were acknowledged, and what went wrong.
  const std::vector<int>& acknowledged() const { return acknowledged_; }
  const std::vector<std::string>& errors() const { return errors_; }

 private:
  void Run(int rounds);
  void InsertOne();

  const std::uint16_t port_;
  std::atomic<bool> stop_{false};
  static std::atomic<int> last_row_;
  mutable std::mutex mutex_;
  std::vector<int> acknowledged_;    // guarded by mutex_
  std::vector<std::string> errors_;  // guarded by mutex_
  std::vector<std::thread> threads_;
};

// A client that connects and says nothing. It cannot tell whether it is held.
class SilentClient {
 public:
  explicit SilentClient(std::uint16_t port);
  ~SilentClient() { Leave(); }

  SilentClient(const SilentClient&) = delete;
  SilentClient& operator=(const SilentClient&) = delete;

  void Send(const std::string& bytes) const;
  // Waits until the connection is closed by the other side, without a byte. Returns false if bytes
  // come, or after test::kPatience.
  bool AwaitEnd() const;
  void Leave();
  // Leaves with a reset.
  void Reset();

 private:
  int socket_;
};

}  // namespace nginx

#endif  // FAILOVER_TESTS_E2E_NGINX_CLIENTS_H_

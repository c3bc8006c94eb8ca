#include "mysql/tls_connection.h"

#include <fcntl.h>
#include <mysql.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

namespace failover::mysql::internal {
namespace {

// Waits for what libmariadb waits for.
int Await(int descriptor, int waits_for) {
  pollfd event = {descriptor, 0, 0};
  if ((waits_for & MYSQL_WAIT_READ) != 0) event.events |= POLLIN;
  if ((waits_for & MYSQL_WAIT_WRITE) != 0) event.events |= POLLOUT;
  if ((waits_for & MYSQL_WAIT_EXCEPT) != 0) event.events |= POLLPRI;
  while (poll(&event, 1, -1) < 0 && errno == EINTR) continue;
  return waits_for & ~MYSQL_WAIT_TIMEOUT;
}

}  // namespace

struct TlsConnection::Attempt {
  Attempt(ClientHandle its_handle, const MonitoredServer& its_server, const std::string& address)
      : handle(std::move(its_handle)),
        server(its_server),
        name(server.tls.server_name.empty() ? server.host : server.tls.server_name),
        host(std::max(address.size(), name.size()) + 1) {
    std::memcpy(host.data(), address.data(), address.size());
  }
  ~Attempt() {
    if (descriptor >= 0) close(descriptor);
  }

  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  void Run();
  bool KeepDescriptor();
  void Abandon();

  // These belong to the attempt's thread until `ended` is true.
  ClientHandle handle;
  const MonitoredServer server;
  const std::string name;
  std::vector<char> host;
  bool connected = false;
  std::string own_trouble;

  std::atomic<bool> ended{false};

  std::mutex mutex;
  bool abandoned = false;  // Guarded by `mutex`.
  // A duplicate of the connection's descriptor, guarded by `mutex`. Abandon shuts the connection
  // down through the duplicate, because only the attempt's thread may use `handle`.
  int descriptor = -1;
};

void TlsConnection::Attempt::Run() {
  MYSQL* result = nullptr;
  int waits_for =
      mysql_real_connect_start(&result, handle.get(), host.data(), server.user.c_str(),
                               server.password.c_str(), nullptr, server.port, nullptr, 0);
  while (waits_for != 0) {
    if (!KeepDescriptor()) {
      waits_for = mysql_real_connect_cont(&result, handle.get(), MYSQL_WAIT_TIMEOUT);
      continue;
    }
    const int ready = Await(mysql_get_socket(handle.get()), waits_for);
    // libmariadb compares the certificate with the host that it was told, and reads the host anew
    // after it has connected. If some libmariadb keeps the address instead, the certificate does
    // not fit, and the attempt fails: nothing is trusted by mistake.
    std::memcpy(host.data(), name.c_str(), name.size() + 1);
    waits_for = mysql_real_connect_cont(&result, handle.get(), ready);
  }
  connected = result != nullptr;
}

// False if the attempt has to end.
bool TlsConnection::Attempt::KeepDescriptor() {
  const std::lock_guard<std::mutex> lock(mutex);
  if (abandoned) return false;
  if (descriptor < 0) descriptor = fcntl(mysql_get_socket(handle.get()), F_DUPFD_CLOEXEC, 0);
  if (descriptor < 0) own_trouble = std::generic_category().message(errno);
  return descriptor >= 0;
}

void TlsConnection::Attempt::Abandon() {
  const std::lock_guard<std::mutex> lock(mutex);
  abandoned = true;
  if (descriptor >= 0) shutdown(descriptor, SHUT_RDWR);
}

TlsConnection::TlsConnection(ClientHandle handle, const MonitoredServer& server,
                             const std::string& address, std::function<void()> ended)
    : attempt_(std::make_unique<Attempt>(std::move(handle), server, address)) {
  try {
    thread_ = std::thread([attempt = attempt_.get(), ended = std::move(ended)] {
      attempt->Run();
      // Release: whoever reads `ended` as true also sees the result, which was written before.
      attempt->ended.store(true, std::memory_order_release);
      ended();
    });
  } catch (const std::system_error& error) {
    attempt_->own_trouble = error.what();
    // Release is more than necessary here: there is no other thread.
    attempt_->ended.store(true, std::memory_order_release);
  }
}

TlsConnection::~TlsConnection() {
  Abandon();
  if (thread_.joinable()) thread_.join();
}

void TlsConnection::Abandon() {
  if (!ended()) attempt_->Abandon();
}

// Acquire: pairs with the release store, so the result is complete if `ended` is true.
bool TlsConnection::ended() const { return attempt_->ended.load(std::memory_order_acquire); }

bool TlsConnection::connected() const { return attempt_->connected; }

const std::string& TlsConnection::own_trouble() const { return attempt_->own_trouble; }

ClientHandle TlsConnection::Take() { return std::move(attempt_->handle); }

}  // namespace failover::mysql::internal

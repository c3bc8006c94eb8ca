#include "fake_postgres_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "patience.h"

namespace failover::postgres {
namespace {

std::string Number(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift));
  return bytes;
}

std::string ShortNumber(std::size_t number) {
  return Number(static_cast<std::uint32_t>(number)).substr(2);
}

std::string Text(std::string_view text) { return std::string(text) + '\0'; }

std::uint32_t NumberIn(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

}  // namespace

std::string Message(char type, std::string_view body) {
  return type + Number(static_cast<std::uint32_t>(body.size() + 4)) + std::string(body);
}

std::string Authentication(std::uint32_t request, std::string_view data) {
  return Message('R', Number(request) + std::string(data));
}

std::string ErrorMessage(std::string_view severity, std::string_view sqlstate,
                         std::string_view text) {
  std::string body;
  for (const auto& [field, value] : {std::pair{'S', severity}, std::pair{'V', severity},
                                     std::pair{'C', sqlstate}, std::pair{'M', text}}) {
    body += field + Text(value);
  }
  return Message('E', body + '\0');
}

std::string ReadyForQuery() { return Message('Z', "I"); }

std::string LoggedIn() {
  return Authentication(0) + Message('S', Text("server_version") + Text("15.0")) +
         Message('K', Number(1) + Number(2)) + ReadyForQuery();
}

std::string Row(const std::vector<std::optional<std::string>>& fields) {
  std::string columns = ShortNumber(fields.size());
  std::string row = ShortNumber(fields.size());
  for (const std::optional<std::string>& field : fields) {
    // A name, no table, no column of a table, the type text, and a text format.
    columns += Text("column") + Number(0) + ShortNumber(0) + Number(25) + ShortNumber(0xffff) +
               Number(0xffffffff) + ShortNumber(0);
    row +=
        Number(field ? static_cast<std::uint32_t>(field->size()) : 0xffffffff) + field.value_or("");
  }
  return Message('T', columns) + Message('D', row);
}

std::string Answer(const std::vector<std::optional<std::string>>& fields) {
  return Row(fields) + Message('C', Text("SELECT 1")) + ReadyForQuery();
}

FakeServer::FakeServer(Script script) : script_(std::move(script)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(listener_, generic, size), 0);
  EXPECT_EQ(listen(listener_, 16), 0);
  EXPECT_EQ(getsockname(listener_, generic, &size), 0);
  port_ = ntohs(address.sin_port);
  wake_up_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread([this] { Run(); });
}

FakeServer::~FakeServer() {
  // Nobody reads the eventfd, so every wait of the thread ends from here on.
  eventfd_write(wake_up_, 1);
  thread_.join();
  close(listener_);
  close(wake_up_);
}

void FakeServer::Set(Script script) {
  const std::lock_guard<std::mutex> lock(mutex_);
  script_ = std::move(script);
}

int FakeServer::connections() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return connections_;
}

std::vector<std::string> FakeServer::received() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return received_;
}

std::size_t FakeServer::flooded() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return flooded_;
}

bool FakeServer::AwaitMessages(std::size_t count) {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, test::kPatience, [&] { return received_.size() >= count; });
}

bool FakeServer::AwaitNoConnection() {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, test::kPatience, [&] { return !serving_; });
}

void FakeServer::Run() {
  while (AwaitReady(listener_, POLLIN)) {
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection < 0) continue;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ++connections_;
      serving_ = true;
    }
    Serve(connection);
    close(connection);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      serving_ = false;
    }
    changed_.notify_all();
  }
}

void FakeServer::Serve(int connection) {
  std::string message;
  for (std::size_t number = 0; ReadMessage(connection, number == 0, &message); ++number) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      received_.push_back(message);
    }
    changed_.notify_all();
    if (!Reply(connection, number)) return;
  }
}

bool FakeServer::Reply(int connection, std::size_t number) {
  Script script;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    script = script_;
  }
  if (script.replies.empty()) return true;
  const std::size_t last = script.replies.size() - 1;
  const bool flood = script.flood && number >= last;
  if (!Send(connection, script.replies[std::min(number, last)], flood)) return false;
  return script.hang_up_after == 0 || number + 1 < script.hang_up_after;
}

bool FakeServer::AwaitReady(int fd, short wanted) {
  pollfd events[2] = {{fd, wanted, 0}, {wake_up_, POLLIN, 0}};
  return poll(events, 2, -1) > 0 && events[1].revents == 0;
}

bool FakeServer::Read(int connection, std::size_t size, std::string* bytes) {
  while (size > 0) {
    char piece[4096];
    if (!AwaitReady(connection, POLLIN)) return false;
    const ssize_t read = recv(connection, piece, std::min(size, sizeof piece), 0);
    if (read <= 0) return false;
    bytes->append(piece, static_cast<std::size_t>(read));
    size -= static_cast<std::size_t>(read);
  }
  return true;
}

// The first message has no type.
bool FakeServer::ReadMessage(int connection, bool first, std::string* message) {
  message->clear();
  const std::size_t header = first ? 4 : 5;
  if (!Read(connection, header, message)) return false;
  const std::size_t size = NumberIn(std::string_view(*message).substr(header - 4));
  return size >= 4 && Read(connection, size - 4, message);
}

bool FakeServer::Send(int connection, std::string_view bytes, bool flood) {
  std::size_t sent = 0;
  do {
    for (std::size_t at = 0; at < bytes.size();) {
      if (!AwaitReady(connection, POLLOUT)) return false;
      const ssize_t size = send(connection, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (size <= 0) return false;
      at += static_cast<std::size_t>(size);
      sent += static_cast<std::size_t>(size);
      if (!flood) continue;
      const std::lock_guard<std::mutex> lock(mutex_);
      flooded_ += static_cast<std::size_t>(size);
    }
  } while (flood && !bytes.empty() && sent < kFlood);
  return true;
}

}  // namespace failover::postgres

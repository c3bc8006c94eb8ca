#include "fake_mysql_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

namespace failover::mysql {
namespace {

constexpr std::chrono::seconds kGenerous(20);
constexpr char kQuit = 0x01;
constexpr char kQuery = 0x03;

std::string Bytes(std::initializer_list<int> bytes) {
  std::string result;
  for (const int byte : bytes) result.push_back(static_cast<char>(byte));
  return result;
}

std::string Greeting() {
  constexpr int kCapabilitiesLow = 0x01 | 0x0200 | 0x2000 | 0x8000;  // 4.1, secure connection
  constexpr int kPluginAuth = 0x0008;                                // of the upper half
  return Bytes({0x0a}) + std::string("10.11.0-Fake\0", 13) + Bytes({1, 0, 0, 0}) + "abcdefgh" +
         Bytes({0, kCapabilitiesLow & 0xff, kCapabilitiesLow >> 8, 33, 2, 0, kPluginAuth, 0, 21}) +
         std::string(10, '\0') + std::string("ijklmnopqrst\0", 13) +
         std::string("mysql_native_password\0", 22);
}

const std::string kOk = Bytes({0, 0, 0, 2, 0, 0, 0});
const std::string kEndOfRows = Bytes({0xfe, 0, 0, 2, 0});

std::string Error(int number, std::string_view sqlstate, std::string_view text) {
  return Bytes({0xff, number & 0xff, number >> 8, '#'}) + std::string(sqlstate) + std::string(text);
}

// A string with its length in front. The text must be shorter than 251 bytes, so that the length
// takes one byte.
std::string Prefixed(std::string_view text) {
  return Bytes({static_cast<int>(text.size())}) + std::string(text);
}

std::string Column(std::string_view name) {
  return Prefixed("def") + Prefixed("") + Prefixed("") + Prefixed("") + Prefixed(name) +
         Prefixed("") + Bytes({0x0c, 33, 0, 0, 1, 0, 0, 0xfd, 0, 0, 0, 0, 0});
}

// The packets of a result with one row, or without a row if there are no values.
std::vector<std::string> Result(const std::vector<std::string>& values, int columns) {
  std::vector<std::string> packets = {Bytes({columns})};
  for (int i = 0; i < columns; ++i) packets.push_back(Column("column"));
  packets.push_back(kEndOfRows);
  std::string row;
  for (const std::string& value : values) row += Prefixed(value);
  if (!values.empty()) packets.push_back(row);
  packets.push_back(kEndOfRows);
  return packets;
}

}  // namespace

FakeServer::FakeServer(State state) : state_(std::move(state)) {
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
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  eventfd_write(wake_up_, 1);
  thread_.join();
  close(listener_);
  close(wake_up_);
}

void FakeServer::Set(State state) {
  const std::lock_guard<std::mutex> lock(mutex_);
  state_ = std::move(state);
}

void FakeServer::DropConnection() {
  std::unique_lock<std::mutex> lock(mutex_);
  dropping_ = true;
  eventfd_write(wake_up_, 1);
  EXPECT_TRUE(changed_.wait_for(lock, kGenerous, [this] { return !dropping_; }));
}

int FakeServer::connections() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return connections_;
}

bool FakeServer::AwaitConnections(int more) {
  std::unique_lock<std::mutex> lock(mutex_);
  const int enough = connections_ + more;
  return changed_.wait_for(lock, kGenerous, [&] { return connections_ >= enough; });
}

bool FakeServer::AwaitQueries(int more) {
  std::unique_lock<std::mutex> lock(mutex_);
  const int enough = queries_ + more;
  return changed_.wait_for(lock, kGenerous, [&] { return queries_ >= enough; });
}

std::string FakeServer::received() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return received_;
}

FakeServer::State FakeServer::state() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return state_;
}

void FakeServer::Run() {
  for (;;) {
    if (!AwaitReadable(listener_)) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_) return;
      continue;
    }
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    const int yes = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ++connections_;
      changed_.notify_all();
    }
    Serve(connection);
    close(connection);
  }
}

void FakeServer::Serve(int connection) {
  if (!Greet(connection)) return;
  std::string packet;
  while (ReadPacket(connection, &packet)) {
    if (packet.empty() || packet[0] == kQuit) return;
    EXPECT_EQ(packet[0], kQuery);
    if (!Answer(connection, std::string_view(packet).substr(1))) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    ++queries_;
    changed_.notify_all();
  }
}

bool FakeServer::Greet(int connection) {
  sequence_ = 0;
  std::string packet;
  switch (state().mode) {
    case Mode::kHang:
      while (ReadPacket(connection, &packet)) continue;
      return false;
    case Mode::kHangUp:
      return false;
    case Mode::kFull:
      Send(connection, Error(1040, "08004", "Too many connections"));
      return false;
    default:
      break;
  }
  if (!Send(connection, Greeting()) || !ReadPacket(connection, &packet)) return false;
  switch (state().mode) {
    case Mode::kRefuseLogin:
      Send(connection, Error(1045, "28000", "Access denied for user 'monitor'"));
      return false;
    case Mode::kAskClearPassword:
      Send(connection, Bytes({0xfe}) + std::string("mysql_clear_password\0", 21));
      ReadPacket(connection, &packet);
      return false;
    default:
      return Send(connection, kOk);
  }
}

bool FakeServer::Answer(int connection, std::string_view question) {
  const State now = state();
  std::vector<std::string> packets;
  if (now.mode == Mode::kHang) {
    std::string ignored;
    while (ReadPacket(connection, &ignored)) continue;
    return false;
  }
  if (now.mode == Mode::kHangUp) return false;
  if (now.mode == Mode::kRefuseQueries) {
    packets = {Error(1226, "42000", "User 'monitor' has exceeded the 'max_questions' resource")};
  } else if (now.mode == Mode::kNonsense) {
    packets = Result({"0"}, 1);
  } else if (question.find("read_only") != std::string_view::npos) {
    packets = Result({now.read_only, now.innodb_read_only}, 2);
  } else if (question.find("wsrep_on") != std::string_view::npos) {
    packets = now.galera ? Result({"wsrep_on", "ON"}, 2) : Result({}, 2);
  } else if (question.find("wsrep_ready") != std::string_view::npos) {
    packets = Result({"wsrep_ready", now.wsrep_ready ? "ON" : "OFF"}, 2);
  } else {
    ADD_FAILURE() << "unexpected: " << question;
    return false;
  }
  return std::all_of(packets.begin(), packets.end(), [this, connection](const std::string& packet) {
    return Send(connection, packet);
  });
}

bool FakeServer::AwaitReadable(int fd) {
  for (;;) {
    pollfd events[] = {{fd, POLLIN, 0}, {wake_up_, POLLIN, 0}};
    if (poll(events, 2, -1) < 0) continue;
    if (events[1].revents != 0) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_) return false;
      eventfd_t count = 0;
      eventfd_read(wake_up_, &count);
      if (std::exchange(dropping_, false)) {
        changed_.notify_all();
        return false;
      }
      continue;
    }
    return events[0].revents != 0;
  }
}

bool FakeServer::ReadBytes(int connection, std::size_t count, std::string* bytes) {
  bytes->clear();
  while (bytes->size() < count) {
    if (!AwaitReadable(connection)) return false;
    std::string piece(count - bytes->size(), '\0');
    const ssize_t size = recv(connection, piece.data(), piece.size(), 0);
    if (size <= 0) return false;
    piece.resize(static_cast<std::size_t>(size));
    *bytes += piece;
    const std::lock_guard<std::mutex> lock(mutex_);
    received_ += piece;
  }
  return true;
}

bool FakeServer::ReadPacket(int connection, std::string* payload) {
  std::string header;
  if (!ReadBytes(connection, 4, &header)) return false;
  std::size_t size = 0;
  for (int i = 2; i >= 0; --i) {
    size = size << 8 | static_cast<unsigned char>(header[static_cast<std::size_t>(i)]);
  }
  sequence_ = static_cast<std::uint8_t>(header[3] + 1);
  return ReadBytes(connection, size, payload);
}

bool FakeServer::Send(int connection, std::string_view payload) {
  const int size = static_cast<int>(payload.size());
  const std::string packet =
      Bytes({size & 0xff, size >> 8 & 0xff, size >> 16, sequence_++}) + std::string(payload);
  return send(connection, packet.data(), packet.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(packet.size());
}

}  // namespace failover::mysql

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
#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

#include "fake_public_key.h"
#include "patience.h"

namespace failover::mysql {
namespace {

constexpr char kQuit = 0x01;
constexpr char kQuery = 0x03;

std::string Bytes(std::initializer_list<int> bytes) {
  std::string result;
  for (const int byte : bytes) result.push_back(static_cast<char>(byte));
  return result;
}

std::string Greeting(bool offers_tls) {
  // These capability bits stand for protocol 4.1 and for a secure connection.
  const int capabilities_low = 0x01 | 0x0200 | 0x2000 | 0x8000 | (offers_tls ? 0x0800 : 0);
  constexpr int kPluginAuth = 0x0008;  // This bit is in the upper half of the capabilities.
  return Bytes({0x0a}) + std::string("10.11.0-Fake\0", 13) + Bytes({1, 0, 0, 0}) + "abcdefgh" +
         Bytes({0, capabilities_low & 0xff, capabilities_low >> 8, 33, 2, 0, kPluginAuth, 0, 21}) +
         std::string(10, '\0') + std::string("ijklmnopqrst\0", 13) +
         std::string("mysql_native_password\0", 22);
}

const std::string kOk = Bytes({0, 0, 0, 2, 0, 0, 0});
const std::string kEndOfRows = Bytes({0xfe, 0, 0, 2, 0});

std::string Error(int number, std::string_view sqlstate, std::string_view text) {
  return Bytes({0xff, number & 0xff, number >> 8, '#'}) + std::string(sqlstate) + std::string(text);
}

// Puts the length of `text` before it, in one byte. The text must be shorter than 251 bytes.
std::string Prefixed(std::string_view text) {
  return Bytes({static_cast<int>(text.size())}) + std::string(text);
}

std::string Column(std::string_view name) {
  return Prefixed("def") + Prefixed("") + Prefixed("") + Prefixed("") + Prefixed(name) +
         Prefixed("") + Bytes({0x0c, 33, 0, 0, 1, 0, 0, 0xfd, 0, 0, 0, 0, 0});
}

// Returns the packets of a result.
std::vector<std::string> Result(const std::vector<std::vector<std::string>>& rows, int columns) {
  std::vector<std::string> packets = {Bytes({columns})};
  for (int i = 0; i < columns; ++i) packets.push_back(Column("column"));
  packets.push_back(kEndOfRows);
  for (const std::vector<std::string>& values : rows) {
    std::string row;
    for (const std::string& value : values) row += Prefixed(value);
    packets.push_back(row);
  }
  packets.push_back(kEndOfRows);
  return packets;
}

std::string Packet(std::uint8_t number, std::string_view payload) {
  const int size = static_cast<int>(payload.size());
  return Bytes({size & 0xff, size >> 8 & 0xff, size >> 16, number}) + std::string(payload);
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
  EXPECT_TRUE(changed_.wait_for(lock, test::kPatience, [this] { return !dropping_; }));
}

int FakeServer::connections() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return connections_;
}

bool FakeServer::AwaitConnections(int more) {
  std::unique_lock<std::mutex> lock(mutex_);
  const int enough = connections_ + more;
  return changed_.wait_for(lock, test::kPatience, [&] { return connections_ >= enough; });
}

bool FakeServer::AwaitQueries(int more) {
  std::unique_lock<std::mutex> lock(mutex_);
  const int enough = queries_ + more;
  return changed_.wait_for(lock, test::kPatience, [&] { return queries_ >= enough; });
}

std::string FakeServer::received() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return received_;
}

std::vector<std::string> FakeServer::received_after_ask() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return received_after_ask_;
}

std::size_t FakeServer::flooded() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return flooded_;
}

bool FakeServer::AwaitNoConnection() {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, test::kPatience, [this] { return !serving_; });
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
      serving_ = true;
      changed_.notify_all();
    }
    Serve(connection);
    close(connection);
    const std::lock_guard<std::mutex> lock(mutex_);
    serving_ = false;
    changed_.notify_all();
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
    case Mode::kTrickle:
      Trickle(connection);
      return false;
    case Mode::kEndlessGreeting:
      // A packet of the largest size goes on in the next packet.
      return Flood(connection, Bytes({0xff, 0xff, 0xff, 0}) + std::string(0xffffff, 'x'));
    default:
      break;
  }
  const bool offers_tls = state().mode == Mode::kHangInTls;
  if (!Send(connection, Greeting(offers_tls)) || !ReadPacket(connection, &packet)) return false;
  switch (state().mode) {
    case Mode::kRefuseLogin:
      Send(connection, Error(state().error, "HY000", state().error_text));
      return false;
    case Mode::kHangInTls:
      while (ReadPacket(connection, &packet)) continue;
      return false;
    case Mode::kAskPlugin:
      return AskForPlugin(connection, state().plugin);
    case Mode::kAskClearPassword:
      Send(connection, Bytes({0xfe}) + std::string("mysql_clear_password\0", 21));
      ReadPacket(connection, &packet);
      return false;
    default:
      return Send(connection, kOk);
  }
}

// An attacker answers whatever the plugin asks, so that the client goes as far as it ever would.
bool FakeServer::AskForPlugin(int connection, const std::string& plugin) {
  constexpr char kFullAuthentication = 4;
  constexpr std::size_t kProofOfCachingSha2 = 32;
  const std::string scramble("abcdefghijklmnopqrst\0", 21);
  // "dialog" takes the first byte for the kind of the question.
  const std::string data = plugin == "dialog" ? "\x4Password:" : scramble;
  Send(connection, Bytes({0xfe}) + plugin + '\0' + data);
  std::string packet;
  while (ReadPacket(connection, &packet)) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      received_after_ask_.push_back(packet);
    }
    if (packet == "\x1" || packet == "\x2") {
      Send(connection, Bytes({1}) + kFakePublicKey);
    } else if (packet.size() == kProofOfCachingSha2) {
      Send(connection, Bytes({1, kFullAuthentication}));
    } else {
      return false;
    }
  }
  return false;
}

void FakeServer::Trickle(int connection) {
  constexpr int kBetweenBytesMs = 2;
  // The header of a packet of 65,535 bytes, and the version of the protocol.
  const std::string_view packet("\xff\xff\0\0\x0a", 5);
  for (std::size_t i = 0;; ++i) {
    const char byte = i < packet.size() ? packet[i] : 'x';
    if (send(connection, &byte, 1, MSG_NOSIGNAL) != 1) return;
    if (!AwaitReady(connection, 0, kBetweenBytesMs)) return;
  }
}

bool FakeServer::Flood(int connection, std::string_view piece) {
  // The kernel must not take much of what the client does not.
  const int small = 1 << 16;
  setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
  std::size_t sent = 0;
  while (sent < kFlood && AwaitReady(connection, POLLOUT)) {
    const std::string_view rest = piece.substr(sent % piece.size());
    const ssize_t size = send(connection, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size < 0) break;
    sent += static_cast<std::size_t>(size);
    const std::lock_guard<std::mutex> lock(mutex_);
    flooded_ = sent;
  }
  return false;
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
    packets = Result({{"0"}}, 1);
  } else if (now.mode == Mode::kEndlessColumns) {
    // The length 0xfe announces a number of eight bytes.
    Send(connection, Bytes({0xfe, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0}));
    return Flood(connection, Packet(sequence_, Column("column")));
  } else if (now.mode == Mode::kEndlessRows) {
    packets = Result({}, 2);
    packets.pop_back();
    for (const std::string& packet : packets) Send(connection, packet);
    return Flood(connection, Packet(sequence_, Prefixed("0") + Prefixed("0")));
  } else if (now.mode == Mode::kHugeRow) {
    packets = Result({}, 2);
    packets.pop_back();
    for (const std::string& packet : packets) Send(connection, packet);
    return Flood(connection, Bytes({0xff, 0xff, 0xff, sequence_}) + std::string(0xffffff, 'x'));
  } else if (question.find("read_only") != std::string_view::npos) {
    packets = Result({{now.read_only, now.innodb_read_only}}, 2);
  } else if (question.find("wsrep_on") != std::string_view::npos) {
    std::vector<std::vector<std::string>> rows;
    if (now.galera) rows.push_back({"wsrep_on", "ON"});
    for (const auto& [name, value] : now.variables) rows.push_back({name, value});
    packets = Result(rows, 2);
  } else if (question.find("wsrep_ready") != std::string_view::npos) {
    packets = Result({{"wsrep_ready", now.wsrep_ready ? "ON" : "OFF"}}, 2);
  } else {
    ADD_FAILURE() << "the server got an unexpected query: " << question;
    return false;
  }
  return std::all_of(packets.begin(), packets.end(), [this, connection](const std::string& packet) {
    return Send(connection, packet);
  });
}

bool FakeServer::AwaitReadable(int fd) { return AwaitReady(fd, POLLIN); }

bool FakeServer::AwaitReady(int fd, short wanted, int timeout_ms) {
  for (;;) {
    pollfd events[] = {{fd, wanted, 0}, {wake_up_, POLLIN, 0}};
    const int ready = poll(events, 2, timeout_ms);
    if (ready < 0) continue;
    if (ready == 0) return true;
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
  const std::string packet = Packet(sequence_++, payload);
  return send(connection, packet.data(), packet.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(packet.size());
}

}  // namespace failover::mysql

#include "clients.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "support/child_process.h"
#include "support/live_mysql_server.h"
#include "support/patience.h"

namespace nginx {

using failover::mysql::Client;
using failover::mysql::kAppPassword;
using failover::mysql::kAppUser;

std::atomic<int> Clients::last_row_{0};

Clients::Clients(std::uint16_t port, int clients, int rounds) : port_(port) {
  threads_.reserve(static_cast<std::size_t>(clients));
  for (int i = 0; i < clients; ++i) {
    threads_.emplace_back([this, rounds] { Run(rounds); });
  }
}

Clients::~Clients() { Stop(); }

void Clients::Run(int rounds) {
  for (int i = 0; i != rounds && !stop_; ++i) InsertOne();
}

void Clients::InsertOne() {
  const int row = ++last_row_;
  Client client = Client::ByPort(port_, kAppUser, kAppPassword);
  if (client.error().number == 0)
    client.Run("INSERT INTO d.t VALUES (" + std::to_string(row) + ")");
  const std::lock_guard<std::mutex> lock(mutex_);
  if (client.error().number == 0) {
    acknowledged_.push_back(row);
  } else {
    errors_.push_back(std::to_string(client.error().number) + " " + client.error().text);
  }
}

std::size_t Clients::rows() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return acknowledged_.size();
}

bool Clients::AwaitRows(std::size_t rows) const {
  return failover::test::Await([&] { return this->rows() >= rows; });
}

void Clients::Stop() {
  stop_ = true;
  Join();
}

void Clients::Join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

SilentClient::SilentClient(std::uint16_t port)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience = {failover::test::kPatience.count(), 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  EXPECT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

void SilentClient::Send(const std::string& bytes) const {
  EXPECT_EQ(send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

bool SilentClient::AwaitEnd() const {
  char byte;
  return recv(socket_, &byte, 1, 0) == 0;
}

void SilentClient::Leave() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

void SilentClient::Reset() {
  const linger at_once = {1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  Leave();
}

}  // namespace nginx

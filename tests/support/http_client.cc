#include "http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace failover::test {

HttpClient::HttpClient(std::uint16_t port)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience = {60, 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // Without a connection nothing can be sent, and nothing comes.
  connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address);
}

HttpClient::~HttpClient() { close(socket_); }

void HttpClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void HttpClient::EndSending() { shutdown(socket_, SHUT_WR); }

bool HttpClient::ReceiveMore() {
  std::array<char, 4096> piece;
  const ssize_t count = recv(socket_, piece.data(), piece.size(), 0);
  timed_out_ = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (count <= 0) return false;
  all_.append(piece.data(), static_cast<std::size_t>(count));
  return true;
}

std::string HttpClient::ReceiveAll() {
  while (ReceiveMore()) continue;
  return timed_out_ ? "timeout" : all_;
}

bool HttpClient::ReceiveUntil(std::string_view text) {
  while (!ReceivedAny(text)) {
    if (!ReceiveMore()) return false;
  }
  return true;
}

std::string Exchange(std::uint16_t port, std::string_view bytes) {
  HttpClient client(port);
  client.Send(bytes);
  client.EndSending();
  return client.ReceiveAll();
}

std::string RequestOf(std::string_view method, std::string_view target) {
  return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

std::string BodyOf(const std::string& response) {
  const std::size_t end = response.find("\r\n\r\n");
  return end == std::string::npos ? "" : response.substr(end + 4);
}

}  // namespace failover::test

#include "postgres_wire_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>

#include "child_process.h"
#include "patience.h"

namespace failover::postgres {
namespace {

constexpr std::uint32_t kProtocol = 3 << 16;

std::string Int32(std::uint32_t value) {
  const std::uint32_t ordered = htonl(value);
  std::string bytes(sizeof ordered, '\0');
  std::memcpy(bytes.data(), &ordered, sizeof ordered);
  return bytes;
}

std::uint32_t ReadInt32(const std::string& bytes, std::size_t at) {
  std::uint32_t ordered = 0;
  if (at + sizeof ordered <= bytes.size()) {
    std::memcpy(&ordered, bytes.data() + at, sizeof ordered);
  }
  return ntohl(ordered);
}

// A text of the protocol ends with a zero.
std::string Text(const std::string& text) { return text + '\0'; }

std::string Message(const std::string& type, const std::string& body) {
  return type + Int32(static_cast<std::uint32_t>(body.size() + 4)) + body;
}

PostgresError ErrorFrom(Source source, const std::string& body, std::string* translated) {
  PostgresError error;
  error.source = source;
  for (std::size_t at = 0; at < body.size() && body[at] != '\0';) {
    const char field = body[at];
    const std::string value = body.c_str() + at + 1;
    at += value.size() + 2;
    if (field == 'S' && translated != nullptr) *translated = value;
    if (field == 'V') error.severity = SeverityOf(value);
    if (field == 'C') error.sqlstate = value;
    if (field == 'M') error.text = value;
    if (field == 'R') error.routine = value;
  }
  return error;
}

// The first column of a DataRow.
std::string FirstField(const std::string& body) {
  constexpr std::size_t kBegin = sizeof(std::uint16_t) + sizeof(std::uint32_t);
  const std::uint32_t size = ReadInt32(body, sizeof(std::uint16_t));
  return body.size() > kBegin && size <= body.size() - kBegin ? body.substr(kBegin, size) : "";
}

}  // namespace

PostgresError Reply::Error() const {
  if (error.has_value()) return *error;
  if (!notices.empty()) return notices.back();
  return {Source::kConnectionLost, Severity::kUnknown, "", "the connection ended", ""};
}

WireClient::WireClient(std::uint16_t port, const Parameters& parameters)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (!Connect(port)) return;
  std::string body = Int32(kProtocol);
  for (const auto& [name, value] : parameters) body += Text(name) + Text(value);
  Write(Message("", Text(body)));
  login_ = Receive();
}

WireClient::~WireClient() { close(socket_); }

bool WireClient::Connect(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return true;
  login_.error = {Source::kConnectFailed, Severity::kUnknown, "", std::strerror(errno), ""};
  return false;
}

void WireClient::Write(const std::string& bytes) const {
  // A server that has ended does not read. What it said before is still to be received.
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t now = send(socket_, bytes.data() + written, bytes.size() - written, MSG_NOSIGNAL);
    if (now <= 0) return;
    written += static_cast<std::size_t>(now);
  }
}

bool WireClient::Read(std::size_t size, std::string* bytes) const {
  bytes->clear();
  constexpr std::chrono::milliseconds kLimit = test::kPatience;
  while (bytes->size() < size) {
    pollfd readable = {socket_, POLLIN, 0};
    if (poll(&readable, 1, static_cast<int>(kLimit.count())) == 0) {
      ADD_FAILURE() << "the server is silent";
      return false;
    }
    std::string piece(size - bytes->size(), '\0');
    const ssize_t now = recv(socket_, piece.data(), piece.size(), 0);
    if (now <= 0) return false;
    bytes->append(piece, 0, static_cast<std::size_t>(now));
  }
  return true;
}

bool WireClient::ReadMessage(char* type, std::string* body) const {
  std::string head;
  if (!Read(5, &head)) return false;
  *type = head[0];
  return Read(ReadInt32(head, 1) - 4, body);
}

Reply WireClient::Run(const std::string& statements) {
  Send(statements);
  return Receive();
}

bool WireClient::AwaitField(const std::string& query, const std::string& field) {
  return test::Await([&] { return Run(query).field == field; });
}

void WireClient::Send(const std::string& statements) { Write(Message("Q", Text(statements))); }

void WireClient::SendPipeline(const std::vector<std::string>& statements) {
  const std::string no_items(2, '\0');
  std::string messages;
  for (const std::string& statement : statements) {
    messages += Message("P", Text("") + Text(statement) + no_items);
    messages += Message("B", Text("") + Text("") + no_items + no_items + no_items);
    messages += Message("E", Text("") + Int32(0));
  }
  Write(messages + Message("S", ""));
}

Reply WireClient::Receive() {
  Reply reply;
  char type = ' ';
  std::string body;
  while (reply.status == ' ' && ReadMessage(&type, &body)) Note(type, body, &reply);
  return reply;
}

void WireClient::Note(char type, const std::string& body, Reply* reply) {
  switch (type) {
    case 'E':
      if (reply->error.has_value()) return;
      reply->error = ErrorFrom(Source::kErrorResponse, body, &reply->translated_severity);
      return;
    case 'N':
      reply->notices.push_back(ErrorFrom(Source::kNoticeResponse, body, nullptr));
      return;
    case 'C':
      reply->tags.emplace_back(body.c_str());
      return;
    case 'D':
      if (reply->field.empty()) reply->field = FirstField(body);
      return;
    case 'K':
      pid_ = static_cast<int>(ReadInt32(body, 0));
      return;
    case 'Z':
      reply->status = body.empty() ? ' ' : body[0];
      return;
    default:
      return;
  }
}

}  // namespace failover::postgres

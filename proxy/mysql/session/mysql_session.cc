#include "proxy/mysql/session/mysql_session.h"

#include <utility>

#include "proxy/core/connection_policy.h"
#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/server_packets.h"

namespace mysql_proxy {
namespace {

using failover::mysql::MysqlError;
using proxy::Task;
using ReadEnd = ClientConnection::ReadEnd;

// MysqlErrors are made by functions: g++ 12 destroys a temporary in braces twice if it is part of a
// co_await expression.

MysqlError Malformed() { return {1835, "HY000", "Malformed communication packet"}; }

MysqlError OutOfOrder() { return {1156, "08S01", "Got packets out of order"}; }

std::string HostOf(const proxy::Socket& socket) {
  std::error_code error;
  const auto peer = socket.remote_endpoint(error);
  return error ? std::string() : peer.address().to_string();
}

MysqlError PacketTooLarge() {
  return {1153, "08S01", "Got a packet bigger than the proxy's --max-packet-size"};
}

}  // namespace

MysqlSession::MysqlSession(const MysqlContext& context, proxy::Socket socket,
                           std::uint32_t connection_id, proxy::Admission admission)
    : context_(context),
      executor_(socket.get_executor()),
      connection_id_(connection_id),
      client_host_(HostOf(socket)),
      client_(std::move(socket)),
      admission_(std::move(admission)),
      driver_(context, executor_) {
  admission_.OnEviction([this] { client_.Close(); });
}

MysqlSession::~MysqlSession() {
  context_.sessions.Leave(connection_id_);
  client_.Close();
}

Task<> MysqlSession::Run() {
  bool goes_on = co_await LogIn();
  while (goes_on) goes_on = co_await ServeOneCommand();
}

void MysqlSession::Drain() {
  draining_ = true;
  if (idle_ && MustEnd()) client_.Close();
}

bool MysqlSession::MustEnd() const {
  return proxy::EndsInDrain(draining_, upstream_->state().transaction_open());
}

void MysqlSession::GiveUpIfSilent() {
  if (!upstream_.has_value()) return;
  upstream_->GiveUpIfSilent();
  // The backend must not go on for nobody, with its locks. The backend itself sees the end of its
  // connection as it sees that of a client.
  if (upstream_->is_waiting() && client_.socket().HasLeft()) upstream_->Abandon();
}

void MysqlSession::End() {
  ended_ = true;
  if (upstream_.has_value()) upstream_->Abandon();
  client_.Close();
}

// --- Commands ------------------------------------------------------------------------------------

Task<bool> MysqlSession::ServeOneCommand() {
  if (MustEnd()) co_return false;
  idle_ = true;
  const ReadEnd end = co_await client_.Read(0);
  idle_ = false;
  // If the drain began while a command was on its way here, the client gets no answer to the
  // command.
  if (MustEnd()) co_return false;
  switch (end) {
    case ReadEnd::kPacket:
      break;
    case ReadEnd::kClosed:
      co_return false;
    case ReadEnd::kTooLarge:
      co_await WriteError(PacketTooLarge(), client_.answer_sequence());
      co_return false;
    case ReadEnd::kOutOfOrder:
      co_await WriteError(OutOfOrder(), client_.answer_sequence());
      co_return false;
  }
  if (client_.packet().empty()) {
    co_await WriteError(Malformed(), client_.answer_sequence());
    co_return false;
  }
  co_return co_await Dispatch();
}

// --- Packets -------------------------------------------------------------------------------------

Task<bool> MysqlSession::WriteOk(std::uint8_t sequence) {
  OkPacket ok;
  ok.status =
      static_cast<std::uint16_t>(upstream_->state().status() & ~server_status::kOfOneResult);
  const std::string payload = BuildOk(ok);
  co_return co_await WritePacket(payload, sequence);
}

Task<bool> MysqlSession::WriteError(const MysqlError& error, std::uint8_t sequence) {
  const std::string payload = BuildError(error);
  co_return co_await WritePacket(payload, sequence);
}

Task<bool> MysqlSession::WritePacket(std::string_view payload, std::uint8_t sequence) {
  std::string wire;
  PutPacket(payload, sequence, wire);
  co_return co_await client_.Write(wire);
}

}  // namespace mysql_proxy

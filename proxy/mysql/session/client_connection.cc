#include "proxy/mysql/session/client_connection.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "proxy/mysql/protocol/handshake.h"

namespace mysql_proxy {
namespace {

// More than the packet of any login has: names, an answer to the scramble, connection attributes.
// MariaDB's limit for a login is the same, the default of net_buffer_length.
constexpr std::size_t kMaxLoginPacket = std::size_t{16} << 10;

}  // namespace

ClientConnection::ClientConnection(proxy::Socket socket)
    : socket_(std::make_shared<proxy::ClientSocket>(std::move(socket))),
      assembler_(kMaxLoginPacket) {}

void ClientConnection::AllowPackets(std::size_t max_length) {
  assembler_.set_max_length(max_length);
  logged_in_ = true;
  socket_->Expand();
}

proxy::Task<ClientConnection::ReadEnd> ClientConnection::ReadLogin(const proxy::Tls* tls) {
  const ReadEnd first = co_await Read(1);
  const proxy::TlsContext context = tls == nullptr ? nullptr : tls->clients();
  if (first != ReadEnd::kPacket || context == nullptr || !IsTlsRequest(packet())) co_return first;
  const absl::Status encrypted = co_await socket_->AcceptTls(context);
  if (!encrypted.ok()) {
    // A client that merely leaves is not worth a line in the log.
    if (absl::IsFailedPrecondition(encrypted)) {
      tls->LogRefusedClient(std::string(encrypted.message()));
    }
    co_return ReadEnd::kClosed;
  }
  co_return co_await Read(answer_sequence());
}

proxy::Task<ClientConnection::ReadEnd> ClientConnection::Read(std::uint8_t sequence) {
  assembler_.Start(sequence);
  while (true) {
    switch (assembler_.Feed(socket_->input())) {
      case PacketAssembler::State::kComplete:
        co_return ReadEnd::kPacket;
      case PacketAssembler::State::kTooLarge:
        co_return ReadEnd::kTooLarge;
      case PacketAssembler::State::kOutOfOrder:
        co_return ReadEnd::kOutOfOrder;
      case PacketAssembler::State::kNeedsMore:
        break;
    }
    const bool received = logged_in_ ? co_await socket_->Receive()
                                     : co_await socket_->ReceiveAtMost(assembler_.wanted());
    if (!received) co_return ReadEnd::kClosed;
  }
}

proxy::Task<bool> ClientConnection::Write(std::string_view bytes) {
  co_return co_await socket_->Write(bytes);
}

}  // namespace mysql_proxy

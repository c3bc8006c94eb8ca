#include "proxy/mysql/session/client_connection.h"

#include <utility>

namespace mysql_proxy {
namespace {

// More than the packet of any login has: names, an answer to the scramble, connection attributes.
constexpr std::size_t kMaxLoginPacket = 64 * 1024;

}  // namespace

ClientConnection::ClientConnection(proxy::Socket socket)
    : socket_(std::make_shared<proxy::ClientSocket>(std::move(socket))),
      assembler_(kMaxLoginPacket) {}

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
    const bool received = co_await socket_->Receive();
    if (!received) co_return ReadEnd::kClosed;
  }
}

proxy::Task<bool> ClientConnection::Write(std::string_view bytes) {
  co_return co_await socket_->Write(bytes);
}

}  // namespace mysql_proxy

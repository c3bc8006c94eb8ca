#include "proxy/postgres/session/client_connection.h"

#include <algorithm>

#include "proxy/postgres/protocol/startup.h"

namespace postgres_proxy {

ClientConnection::Taken ClientConnection::Take(std::string& out, bool is_copying) {
  const MessageCutter::State state = cutter_.Feed(socket_->input(), out);
  if (state == MessageCutter::State::kMalformed) return Taken::kMalformed;
  if (cutter_.has_header() && cutter_.body_size() > max_size_) {
    if (!is_copying || cutter_.type() != frontend::kCopyData) return Taken::kTooLong;
  }
  return state == MessageCutter::State::kComplete ? Taken::kMessage : Taken::kNothing;
}

proxy::Task<std::string> ClientConnection::ReadStartup() {
  std::string packet;
  std::size_t wanted = kStartupHeader;
  std::string_view& input = socket_->input();
  while (packet.size() < wanted) {
    if (input.empty()) {
      const bool received = co_await socket_->ReceiveAtMost(wanted - packet.size());
      if (!received) co_return std::string();
    }
    const std::size_t count = std::min(wanted - packet.size(), input.size());
    packet.append(input.substr(0, count));
    input.remove_prefix(count);
    if (packet.size() == kStartupHeader) {
      wanted = StartupLength(packet);
      if (wanted == 0) co_return std::string();
    }
  }
  co_return packet;
}

proxy::Task<bool> ClientConnection::ReadPassword(std::string& body) {
  std::string message;
  while (true) {
    switch (Take(message, /*is_copying=*/false)) {
      case Taken::kMessage:
        body = message.substr(kHeaderSize);
        co_return type() == frontend::kPassword;
      case Taken::kTooLong:
      case Taken::kMalformed:
        co_return false;
      case Taken::kNothing:
        break;
    }
    const bool received = co_await socket_->Receive();
    if (!received) co_return false;
  }
}

}  // namespace postgres_proxy

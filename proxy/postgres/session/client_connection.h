// The client's side of a session: messages in, bytes out.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_CLIENT_CONNECTION_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_CLIENT_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/core/asio_types.h"
#include "proxy/core/client_socket.h"
#include "proxy/postgres/protocol/message.h"

namespace postgres_proxy {

// Used on its event loop only.
class ClientConnection {
 public:
  explicit ClientConnection(proxy::Socket socket)
      : socket_(std::make_shared<proxy::ClientSocket>(std::move(socket))) {}

  proxy::ClientSocket& socket() { return *socket_; }
  // From now on messages may have so many bytes.
  void AllowMessages(std::size_t max_size) {
    max_size_ = max_size;
    socket_->Expand();
  }

  enum class Taken : std::uint8_t {
    kNothing,    // there is no whole message; the bytes that there are stand at the end of `out`
    kMessage,    // a message has ended
    kTooLong,    // the message is longer than it may be
    kMalformed,  // the length makes no sense
  };
  // Moves bytes of one message from what was received to the end of `out`. COPY data may be longer
  // than other messages, if `is_copying`: the caller passes the pieces on.
  Taken Take(std::string& out, bool is_copying);
  // The type of the message at hand, or of the message that ended last.
  char type() const { return cutter_.type(); }
  // Whether a message has begun and is not over, and whether such a message is COPY data.
  bool inside() const { return cutter_.inside(); }
  bool inside_copy_data() const {
    return inside() && cutter_.has_header() && type() == frontend::kCopyData;
  }

  // Reads a packet that has no type, of at most kLongestStartup bytes; empty: the client is gone,
  // or the length makes no sense. No byte behind the first eight is read that does not belong to
  // the packet.
  proxy::Task<std::string> ReadStartup();
  // Reads a message of the login into `body`. False: the client is gone, or sends something else.
  proxy::Task<bool> ReadPassword(std::string& body);

  // False: the client is gone.
  proxy::Task<bool> Write(std::string_view bytes) { return socket_->Write(bytes); }
  void Close() { socket_->Close(); }

 private:
  const std::shared_ptr<proxy::ClientSocket> socket_;
  std::size_t max_size_ = 10'000;  // strangers must not cost much
  MessageCutter cutter_;
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_CLIENT_CONNECTION_H_

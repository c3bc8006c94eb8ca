// The connection to a client, as packets of the MySQL protocol.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_CLIENT_CONNECTION_H_
#define FAILOVER_PROXY_MYSQL_SESSION_CLIENT_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/core/asio_types.h"
#include "proxy/core/client_socket.h"
#include "proxy/core/tls.h"
#include "proxy/mysql/protocol/packet_assembler.h"

namespace mysql_proxy {

// Used on its event loop only. At most one Read or Write may be under way at a time.
class ClientConnection {
 public:
  enum class ReadEnd : std::uint8_t {
    kPacket,
    kClosed,
    kTooLarge,
    kOutOfOrder,
  };

  // Until AllowPackets the client may send short packets only, because it has not logged in: a
  // stranger must not make the proxy collect much. Until then nothing is read behind the packet at
  // hand either, because what follows may belong to TLS.
  explicit ClientConnection(proxy::Socket socket);
  // From now on the client may send packets of up to `max_length` bytes.
  void AllowPackets(std::size_t max_length);

  bool encrypted() const { return socket_->encrypted(); }

  // Reads the packet with the client's login, the first that the client sends. If the client asks
  // for TLS and `tls` offers TLS, the connection is encrypted before that; kClosed: the two sides
  // do not agree. nullptr: no TLS is offered.
  proxy::Task<ReadEnd> ReadLogin(const proxy::Tls* tls);
  // Reads the next packet, whose first frame must have this sequence number.
  proxy::Task<ReadEnd> Read(std::uint8_t sequence);
  // The packet that was read last. Valid until the next Read.
  std::string& packet() { return assembler_.packet(); }
  // The sequence number of the answer to this packet.
  std::uint8_t answer_sequence() const { return assembler_.next_sequence(); }

  // False: the client is gone.
  proxy::Task<bool> Write(std::string_view bytes);

  // Read and Write end at once, those that are under way and those that come.
  void Close() { socket_->Close(); }

  // For a watch while nobody reads.
  proxy::ClientSocket& socket() { return *socket_; }

 private:
  const std::shared_ptr<proxy::ClientSocket> socket_;
  PacketAssembler assembler_;
  bool logged_in_ = false;  // AllowPackets was called
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_CLIENT_CONNECTION_H_

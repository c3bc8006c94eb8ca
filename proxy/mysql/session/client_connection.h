// The connection to a client.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_CLIENT_CONNECTION_H_
#define FAILOVER_PROXY_MYSQL_SESSION_CLIENT_CONNECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/core/asio_types.h"
#include "proxy/mysql/protocol/packet_assembler.h"

namespace mysql_proxy {

// Used on its event loop only. At most one of Read, Write and a watch at a time. Make it shared: a
// watch that was stopped may hold it a little longer.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  enum class ReadEnd : std::uint8_t {
    kPacket,
    kClosed,
    kTooLarge,
    kOutOfOrder,
  };

  // A client that has not logged in yet may make the proxy collect a little only.
  explicit ClientConnection(Socket socket);
  // From now on it may send packets of this length.
  void AllowPackets(std::size_t max_length) { assembler_.set_max_length(max_length); }

  // The next packet, whose first frame has this sequence number.
  Task<ReadEnd> Read(std::uint8_t sequence);
  std::string& packet() { return assembler_.packet(); }
  // The sequence number of the answer to it.
  std::uint8_t answer_sequence() const { return assembler_.next_sequence(); }

  // False: the client is gone.
  Task<bool> Write(std::string_view bytes);

  // Calls `gone` once if the client closes the connection while nobody reads from it. What it sends
  // meanwhile is kept for Read; of one that sends more than a little no end is seen.
  void Watch(std::function<void()> gone);
  void StopWatching();

  // Read and Write end, now and later.
  void Close();

  std::string peer() const;

 private:
  void AwaitInput();
  bool TakeInput();

  Socket socket_;
  PacketAssembler assembler_;
  // What was received and not looked at yet: a part of buffer_.
  std::array<char, 16 * 1024> buffer_;
  std::string_view input_;

  std::function<void()> gone_;  // empty: no watch
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_CLIENT_CONNECTION_H_

// One connection of the admin interface as lines of text.
#ifndef FAILOVER_PROXY_CORE_ADMIN_LINES_H_
#define FAILOVER_PROXY_CORE_ADMIN_LINES_H_

#include <asio/basic_stream_socket.hpp>
#include <asio/local/stream_protocol.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "proxy/core/asio_types.h"

namespace proxy {

using LocalSocket = asio::basic_stream_socket<asio::local::stream_protocol, Executor>;

// Used on its event loop only, by one coroutine at a time.
class AdminLines {
 public:
  // The peer may take `write_timeout` for each answer.
  AdminLines(LocalSocket socket, absl::Duration write_timeout);

  // The next line, without its end. nullopt: the peer has left, was closed, or has sent too much
  // (is_too_long).
  Task<std::optional<std::string>> Next();
  // Takes in what has come, without waiting. False: the peer has left or was closed, or has sent
  // too much.
  bool TakeIn();
  // Whether `line` is the next line, and has come already.
  bool NextIs(std::string_view line) const;
  // Whether the peer sent a line that is longer than kMaxAdminLine, or more lines than one command
  // may have behind it.
  bool is_too_long() const { return too_long_; }

  // False: the peer has left, or does not read.
  // `text` must live until the coroutine ends.
  Task<bool> Write(const std::string& text);
  void Close();

 private:
  // The first line, without its end, if it is whole.
  std::optional<std::string_view> FirstLine() const;
  // How many bytes may be read now. Zero: the peer has sent too much.
  std::size_t Room();

  LocalSocket socket_;
  const absl::Duration write_timeout_;
  std::string input_;
  bool ended_ = false;
  bool too_long_ = false;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_ADMIN_LINES_H_

// The way between a client library and one server. Everything that the two send passes through
// here, so that a server cannot make the library read more than one check is worth, nor make the
// library send what must stay secret.
#ifndef FAILOVER_SRC_WATCH_METERED_LINK_H_
#define FAILOVER_SRC_WATCH_METERED_LINK_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "failover/export.h"

namespace failover::watch::internal {

// A client library reads a result until the server ends it, and may have no limit but the size of
// one packet. While a server sends faster than the library reads, even functions that do not block
// may not return. So the library gets one end of a pair of sockets in place of its connection, and
// the link passes on no more than the meter allows.
//
// Not thread-safe. No function waits.
class FAILOVER_EXPORT MeteredLink {
 public:
  // How many bytes a server may send during one check.
  static constexpr std::size_t kMostBytes = std::size_t{64} * 1024;

  enum class State {
    kNothing,    // Nothing was passed on to the library.
    kPassedOn,   // There is something to read for the library: bytes, or the end of the connection.
    kTooMuch,    // The server has sent more than kMostBytes.
    kForbidden,  // A guard has closed the link.
  };

  // Looks at bytes before they are passed on, piece by piece as they come. If a guard returns
  // false, the piece is not passed on, and the link is cut.
  using Guard = std::function<bool(std::string_view piece)>;

  MeteredLink() = default;
  ~MeteredLink() { Cut(); }

  MeteredLink(const MeteredLink&) = delete;
  MeteredLink& operator=(const MeteredLink&) = delete;

  // Whether `descriptor` is a socket that is connected.
  static bool IsConnected(int descriptor);
  // Takes the connection behind `descriptor`, and puts one end of a new pair of sockets into its
  // place. `descriptor` still belongs to its owner. Returns 0, or the number of the system's error;
  // then nothing has changed.
  int Splice(int descriptor);
  bool spliced() const { return server_ >= 0; }

  // `guard` looks at what the library sends from now on, or at what the server sends. Until the
  // link is cut.
  void GuardWhatIsSent(Guard guard) { guard_of_sent_ = std::move(guard); }
  void GuardWhatIsReceived(Guard guard) { guard_of_received_ = std::move(guard); }
  // Begins to count from 0.
  void ResetMeter() { passed_on_ = 0; }

  // The connection to the server, for poll(2).
  int descriptor() const { return server_; }
  // Whether bytes for the server wait until the connection takes them.
  bool wants_to_write() const { return !unsent_.empty(); }

  // Passes on what the library has sent: kNothing or kForbidden.
  State PassToServer();
  // Passes on a piece of what the server has sent. The library must have read all that was passed
  // on before.
  State PassToClient();

  // Whether the server has closed the connection, or the connection was lost.
  bool server_gone() const { return server_gone_; }

  // The piece that was passed on to the library last.
  const std::string& last_piece() const { return last_piece_; }

  // Passes on what the library has sent last, and closes the connection to the server.
  void Close();
  // Closes the connection to the server. What the library has sent last is lost.
  void Cut();

 private:
  int server_ = -1;
  // The end of the pair that the library does not have.
  int inner_ = -1;
  Guard guard_of_sent_;
  Guard guard_of_received_;
  bool server_gone_ = false;
  std::size_t passed_on_ = 0;
  std::string unsent_;
  std::string last_piece_;
};

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_METERED_LINK_H_

// The way between libmariadb and one server. Everything that the two send passes through here, so
// that a server cannot make libmariadb read more than one check is worth, nor make libmariadb send
// what must stay secret.
#ifndef FAILOVER_SRC_MYSQL_METERED_LINK_H_
#define FAILOVER_SRC_MYSQL_METERED_LINK_H_

#include <cstddef>
#include <string>

namespace failover::mysql::internal {

// libmariadb reads a result until the server ends it, and has no limit but the size of one packet.
// While a server sends faster than libmariadb reads, the non-blocking functions do not return. So
// libmariadb gets one end of a pair of sockets in place of its connection, and the link passes on
// no more than the meter allows.
//
// Not thread-safe. No function waits.
class MeteredLink {
 public:
  // How many bytes a server may send during one check.
  static constexpr std::size_t kMostBytes = std::size_t{64} * 1024;

  enum class State {
    kNothing,   // Nothing was passed on to libmariadb.
    kPassedOn,  // There is something to read for libmariadb: bytes, or the end of the connection.
    kTooMuch,   // The server has sent more than kMostBytes.
    kAsksForAKey,  // libmariadb wanted to ask the server for its public key, and that is forbidden.
  };

  MeteredLink() = default;
  ~MeteredLink() { Cut(); }

  MeteredLink(const MeteredLink&) = delete;
  MeteredLink& operator=(const MeteredLink&) = delete;

  // Takes the connection behind `descriptor`, and puts one end of a new pair of sockets into its
  // place. `descriptor` still belongs to its owner. Returns 0, or the number of the system's error;
  // then nothing has changed.
  int Splice(int descriptor);
  bool spliced() const { return server_ >= 0; }

  // From here on a packet that asks the server for its public key closes the link.
  void ForbidKeyRequests() { keys_forbidden_ = true; }
  // Begins to count from 0.
  void ResetMeter() { passed_on_ = 0; }

  // The connection to the server, for poll(2).
  int descriptor() const { return server_; }
  // Whether bytes for the server wait until the connection takes them.
  bool wants_to_write() const { return !unsent_.empty(); }

  // Passes on what libmariadb has sent: kNothing or kAsksForAKey.
  State PassToServer();
  // Passes on a piece of what the server has sent. libmariadb must have read all that was passed on
  // before.
  State PassToClient();

  // The piece that was passed on to libmariadb last.
  const std::string& last_piece() const { return last_piece_; }

  // Passes on what libmariadb has sent last, and closes the connection to the server.
  void Close();
  // Closes the connection to the server. What libmariadb has sent last is lost.
  void Cut();

 private:
  int server_ = -1;
  // The end of the pair that libmariadb does not have.
  int inner_ = -1;
  bool keys_forbidden_ = false;
  std::size_t passed_on_ = 0;
  std::string unsent_;
  std::string last_piece_;
};

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_METERED_LINK_H_

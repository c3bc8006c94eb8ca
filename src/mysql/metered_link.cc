#include "mysql/metered_link.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace failover::mysql::internal {
namespace {

// The most that is passed on at once. A pair of sockets takes far more without a wait.
constexpr std::size_t kPiece = std::size_t{16} * 1024;

bool WouldWait(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

void CloseDescriptor(int& descriptor) {
  if (descriptor >= 0) close(descriptor);
  descriptor = -1;
}

// Whether one of the packets asks the server for its public key. libmariadb always flushes whole
// packets.
//
// A packet has a header: three bytes with the size of the payload, then the number of the packet.
// The authentication plugins of libmariadb ask for the key with a payload of one byte: 1
// (sha256_password) or 2 (caching_sha2_password). The packet with number 0 is a command; there the
// payload 1 says that the client quits.
bool AskForAKey(const std::string& packets) {
  constexpr std::size_t kHeader = 4;
  const auto byte = [&packets](std::size_t at) {
    return std::size_t{static_cast<unsigned char>(packets[at])};
  };
  std::size_t at = 0;
  while (at + kHeader < packets.size()) {
    const std::size_t size = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16;
    const std::size_t number = byte(at + 3);
    const std::size_t first = byte(at + kHeader);
    if (size == 1 && number != 0 && (first == 1 || first == 2)) return true;
    at += kHeader + size;
  }
  return false;
}

}  // namespace

int MeteredLink::Splice(int descriptor) {
  Cut();
  server_ = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (server_ < 0) return errno;
  std::array<int, 2> pair{-1, -1};
  int error = 0;
  if (fcntl(server_, F_SETFL, fcntl(server_, F_GETFL) | O_NONBLOCK) != 0 ||
      socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0 ||
      dup3(pair[0], descriptor, O_CLOEXEC) < 0) {
    error = errno;
  }
  CloseDescriptor(pair[0]);
  inner_ = pair[1];
  if (error != 0) Cut();
  return error;
}

MeteredLink::State MeteredLink::PassToServer() {
  std::array<char, kPiece> piece;
  std::string packets;
  ssize_t size = 0;
  while (inner_ >= 0 && (size = recv(inner_, piece.data(), piece.size(), MSG_DONTWAIT)) > 0) {
    packets.append(piece.data(), static_cast<std::size_t>(size));
  }
  if (keys_forbidden_ && AskForAKey(packets)) {
    Cut();
    return State::kAsksForAKey;
  }
  unsent_ += packets;
  while (server_ >= 0 && !unsent_.empty()) {
    size = send(server_, unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && WouldWait(errno)) break;
    // libmariadb learns of a lost connection when it reads.
    unsent_.erase(0, size < 0 ? unsent_.size() : static_cast<std::size_t>(size));
  }
  return State::kNothing;
}

MeteredLink::State MeteredLink::PassToClient() {
  if (passed_on_ >= kMostBytes) return State::kTooMuch;
  std::array<char, kPiece> piece;
  const std::size_t most = std::min(piece.size(), kMostBytes - passed_on_);
  const ssize_t size = recv(server_, piece.data(), most, MSG_DONTWAIT);
  if (size < 0 && WouldWait(errno)) return State::kNothing;
  if (size <= 0) {
    shutdown(inner_, SHUT_WR);
    return State::kPassedOn;
  }
  passed_on_ += static_cast<std::size_t>(size);
  last_piece_.assign(piece.data(), static_cast<std::size_t>(size));
  // The pair is empty, so it takes the whole piece.
  if (send(inner_, piece.data(), static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL) !=
      size) {
    shutdown(inner_, SHUT_WR);
  }
  return State::kPassedOn;
}

void MeteredLink::Close() {
  PassToServer();
  Cut();
}

void MeteredLink::Cut() {
  CloseDescriptor(server_);
  CloseDescriptor(inner_);
  keys_forbidden_ = false;
  passed_on_ = 0;
  unsent_.clear();
  last_piece_.clear();
}

}  // namespace failover::mysql::internal

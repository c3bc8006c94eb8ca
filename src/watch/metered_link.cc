#include "watch/metered_link.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace failover::watch::internal {
namespace {

// The most that is passed on at once. A pair of sockets takes far more without a wait.
constexpr std::size_t kPiece = std::size_t{16} * 1024;

bool WouldWait(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

void CloseDescriptor(int& descriptor) {
  if (descriptor >= 0) close(descriptor);
  descriptor = -1;
}

}  // namespace

bool MeteredLink::IsConnected(int descriptor) {
  sockaddr_storage peer;
  socklen_t size = sizeof(peer);
  return descriptor >= 0 && getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

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
  std::string sent;
  ssize_t size = 0;
  while (inner_ >= 0 && (size = recv(inner_, piece.data(), piece.size(), MSG_DONTWAIT)) > 0) {
    sent.append(piece.data(), static_cast<std::size_t>(size));
  }
  if (guard_of_sent_ && !sent.empty() && !guard_of_sent_(sent)) {
    Cut();
    return State::kForbidden;
  }
  unsent_ += sent;
  while (server_ >= 0 && !unsent_.empty()) {
    size = send(server_, unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && WouldWait(errno)) break;
    // The library learns of a lost connection when it reads.
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
    server_gone_ = true;
    shutdown(inner_, SHUT_WR);
    return State::kPassedOn;
  }
  passed_on_ += static_cast<std::size_t>(size);
  last_piece_.assign(piece.data(), static_cast<std::size_t>(size));
  if (guard_of_received_ && !guard_of_received_(last_piece_)) {
    Cut();
    return State::kForbidden;
  }
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
  guard_of_sent_ = nullptr;
  guard_of_received_ = nullptr;
  server_gone_ = false;
  passed_on_ = 0;
  unsent_.clear();
  last_piece_.clear();
}

}  // namespace failover::watch::internal

// A socket in the file system that only its owner can reach.
#ifndef FAILOVER_PROXY_CORE_UNIX_SOCKET_H_
#define FAILOVER_PROXY_CORE_UNIX_SOCKET_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace proxy {

// A file descriptor that is closed with its owner.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }
  // The caller closes the descriptor.
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// A Unix-domain socket that listens, and its file. The file has the mode 0600 from the moment on
// that it exists. Used by one thread at a time.
class SocketFile {
 public:
  // Creates the file at `path`, which the system limits to 107 bytes. A socket that a program has
  // left behind is replaced. Beside the file there is `path`.lock, which stays, and which keeps two
  // programs from using the same path. The errors name the path and say why it cannot be used:
  // kInvalidArgument (its length), kFailedPrecondition (everybody may replace files in the folder,
  // or the file is no socket, or it is another user's), and kUnavailable (another program uses it,
  // or the system refuses).
  static absl::StatusOr<std::unique_ptr<SocketFile>> Listen(const std::string& path);
  // Removes the file, unless another one has taken its place.
  ~SocketFile();

  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;

  // The listening socket. Whoever takes it closes it.
  int TakeSocket() { return socket_.Release(); }

 private:
  SocketFile(std::string path, FileDescriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  absl::Status Bind();

  const std::string path_;
  const FileDescriptor lock_;
  FileDescriptor socket_;
  // What file it is.
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_UNIX_SOCKET_H_

#include "proxy/core/unix_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace proxy {
namespace {

constexpr mode_t kOnlyOwner = 0600;
constexpr mode_t kPermissions = 07777;

// `error` is a value of errno.
absl::Status Unusable(const std::string& path, std::string_view what, int error) {
  return absl::UnavailableError(
      absl::StrCat(path, ": ", std::string(what), ": ", std::system_category().message(error)));
}

absl::Status Unsafe(const std::string& path, std::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(path, ": ", std::string(why)));
}

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

FileDescriptor NewSocket(int flags) {
  return FileDescriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
}

// Somebody who may replace files in the folder could put a socket of their own there. Whoever lets
// a group write to the folder trusts the group.
absl::Status CheckFolder(const std::string& path) {
  struct stat folder;
  const std::string name = FolderOf(path);
  if (stat(name.c_str(), &folder) != 0) return Unusable(path, "cannot look at its folder", errno);
  if ((folder.st_mode & S_IWOTH) != 0 && (folder.st_mode & S_ISVTX) == 0) {
    return Unsafe(path, "everybody may replace files in its folder");
  }
  return absl::OkStatus();
}

absl::StatusOr<FileDescriptor> Lock(const std::string& path) {
  const std::string name = path + ".lock";
  FileDescriptor file(
      open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kOnlyOwner));
  if (file.get() < 0) return Unusable(name, "cannot open the lock", errno);
  struct stat found;
  if (fstat(file.get(), &found) != 0) return Unusable(name, "cannot look at the lock", errno);
  if (!S_ISREG(found.st_mode) || found.st_uid != geteuid()) {
    return Unsafe(name, "this is no file of this user");
  }
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Unusable(name, "cannot lock", errno);
    return absl::UnavailableError(absl::StrCat(path, ": another process uses this socket"));
  }
  return file;
}

// The caller has the lock, so a socket that is there was left behind, or belongs to a program of
// another kind.
absl::Status RemoveStale(const std::string& path) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) {
    return errno == ENOENT ? absl::OkStatus() : Unusable(path, "cannot look at it", errno);
  }
  if (!S_ISSOCK(found.st_mode)) return Unsafe(path, "there is a file that is no socket");
  if (found.st_uid != geteuid()) return Unsafe(path, "there is a socket of another user");
  // A program that listens and takes nobody would make a blocking socket wait for ever.
  const FileDescriptor probe = NewSocket(SOCK_NONBLOCK);
  if (probe.get() < 0) return Unusable(path, "cannot make a socket", errno);
  const sockaddr_un address = AddressOf(path);
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN) {
    return absl::UnavailableError(absl::StrCat(path, ": another program listens there"));
  }
  if (errno != ECONNREFUSED) return Unusable(path, "cannot tell whether it is in use", errno);
  if (unlink(path.c_str()) != 0) return Unusable(path, "cannot remove the old socket", errno);
  return absl::OkStatus();
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<std::unique_ptr<SocketFile>> SocketFile::Listen(const std::string& path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path) ||
      path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": the path of a socket has 1 to ",
                                                   sizeof(sockaddr_un::sun_path) - 1, " bytes"));
  }
  if (absl::Status status = CheckFolder(path); !status.ok()) return status;
  absl::StatusOr<FileDescriptor> lock = Lock(path);
  if (!lock.ok()) return lock.status();
  if (absl::Status status = RemoveStale(path); !status.ok()) return status;
  std::unique_ptr<SocketFile> file(new SocketFile(path, *std::move(lock)));
  if (absl::Status status = file->Bind(); !status.ok()) return status;
  return file;
}

absl::Status SocketFile::Bind() {
  socket_ = NewSocket(0);
  if (socket_.get() < 0) return Unusable(path_, "cannot make a socket", errno);
  // Linux gives the file the mode of the socket, less the umask. So nobody else can reach the file
  // at any moment, and the umask of the other threads stays as it is.
  if (fchmod(socket_.get(), kOnlyOwner) != 0) return Unusable(path_, "cannot set its mode", errno);
  const sockaddr_un address = AddressOf(path_);
  if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Unusable(path_, "cannot create the socket", errno);
  }
  struct stat made;
  if (lstat(path_.c_str(), &made) != 0) return Unusable(path_, "cannot look at it", errno);
  device_ = made.st_dev;
  inode_ = made.st_ino;
  if ((made.st_mode & kPermissions & ~kOnlyOwner) != 0) {
    return Unsafe(path_, "the system lets other users reach the socket");
  }
  if (listen(socket_.get(), SOMAXCONN) != 0) return Unusable(path_, "cannot listen", errno);
  return absl::OkStatus();
}

SocketFile::~SocketFile() {
  struct stat found;
  if (inode_ == 0 || lstat(path_.c_str(), &found) != 0) return;
  if (found.st_dev == device_ && found.st_ino == inode_) unlink(path_.c_str());
}

}  // namespace proxy

#include "proxy/core/unix_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "support/child_process.h"

namespace proxy {
namespace {

using testing::HasSubstr;

class UnixSocketTest : public testing::Test {
 protected:
  std::string path() const { return folder_.path() + "/socket"; }

  absl::StatusOr<std::unique_ptr<SocketFile>> Listen() { return SocketFile::Listen(path()); }

  bool Exists() const {
    struct stat found;
    return lstat(path().c_str(), &found) == 0;
  }
  mode_t Mode() const {
    struct stat found = {};
    EXPECT_EQ(lstat(path().c_str(), &found), 0);
    return found.st_mode;
  }
  sockaddr_un Address() const {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    return address;
  }
  bool CanConnect() const {
    const FileDescriptor client(socket(AF_UNIX, SOCK_STREAM, 0));
    const sockaddr_un address = Address();
    return connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  // A socket that another program has made. It listens as long as the descriptor is open.
  FileDescriptor MakeForeign() const {
    FileDescriptor foreign(socket(AF_UNIX, SOCK_STREAM, 0));
    const sockaddr_un address = Address();
    EXPECT_EQ(bind(foreign.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(foreign.get(), 1), 0);
    return foreign;
  }

  const failover::test::TemporaryFolder folder_;
};

TEST_F(UnixSocketTest, OnlyTheOwnerReachesIt) {
  const mode_t before = umask(0);
  const auto file = Listen();
  umask(before);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(Mode() & 07777, 0600u);
  EXPECT_TRUE(S_ISSOCK(Mode()));
  EXPECT_TRUE(CanConnect());
}

TEST_F(UnixSocketTest, TheFileGoesWithItsOwner) {
  { ASSERT_TRUE(Listen().ok()); }
  EXPECT_FALSE(Exists());
  EXPECT_TRUE(Listen().ok()) << "the lock is free again";
}

TEST_F(UnixSocketTest, WhatAKilledProgramLeftBehindIsReplaced) {
  { MakeForeign(); }
  ASSERT_TRUE(Exists());
  const auto file = Listen();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(CanConnect());
}

TEST_F(UnixSocketTest, TwoProgramsDoNotShareAPath) {
  const auto first = Listen();
  ASSERT_TRUE(first.ok());
  const auto second = Listen();
  EXPECT_TRUE(absl::IsUnavailable(second.status())) << second.status();
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(path()));
  EXPECT_TRUE(CanConnect()) << "the first one is as it was";
}

TEST_F(UnixSocketTest, ASocketOfAnotherProgramThatListensStays) {
  const FileDescriptor foreign = MakeForeign();
  EXPECT_TRUE(absl::IsUnavailable(Listen().status()));
  EXPECT_TRUE(CanConnect());
}

TEST_F(UnixSocketTest, AFileThatIsNoSocketStays) {
  std::ofstream(path()) << "precious";
  EXPECT_TRUE(absl::IsFailedPrecondition(Listen().status()));
  std::string text;
  std::ifstream(path()) >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(UnixSocketTest, ALinkIsNotFollowed) {
  ASSERT_EQ(symlink((folder_.path() + "/other").c_str(), path().c_str()), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(Listen().status()));
  ASSERT_EQ(unlink(path().c_str()), 0);
  ASSERT_EQ(unlink((path() + ".lock").c_str()), 0);
  ASSERT_EQ(symlink((folder_.path() + "/other").c_str(), (path() + ".lock").c_str()), 0);
  EXPECT_FALSE(Listen().ok());
}

TEST_F(UnixSocketTest, AFolderInWhichEverybodyMayReplaceFilesIsRefused) {
  ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(Listen().status()));
  EXPECT_FALSE(Exists());
  ASSERT_EQ(chmod(folder_.path().c_str(), 01777), 0);
  EXPECT_TRUE(Listen().ok()) << "nobody may replace the files of others, as in /tmp";
}

TEST_F(UnixSocketTest, PathsThatCannotBe) {
  EXPECT_TRUE(absl::IsInvalidArgument(SocketFile::Listen("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(SocketFile::Listen(std::string(108, 'x')).status()));
  EXPECT_TRUE(absl::IsUnavailable(SocketFile::Listen(folder_.path() + "/no/socket").status()));
}

TEST_F(UnixSocketTest, AFileThatHasTakenItsPlaceStays) {
  {
    const auto file = Listen();
    ASSERT_TRUE(file.ok());
    ASSERT_EQ(unlink(path().c_str()), 0);
    std::ofstream(path()) << "precious";
  }
  EXPECT_TRUE(Exists());
}

}  // namespace
}  // namespace proxy

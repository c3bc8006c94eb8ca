// The program failoverctl in front of an admin socket inside the test's process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <future>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "failover/work.h"
#include "proxy/core/unix_socket.h"
#include "support/admin_server.h"
#include "support/child_process.h"

namespace proxy::test {
namespace {

using failover::State;
using failover::Work;
using failover::test::Await;
using testing::HasSubstr;

class FailoverctlTest : public AdminServerTest {
 protected:
  ~FailoverctlTest() override {
    if (process_ > 0) failover::test::KillAndWait(process_);
  }

  void Launch(const std::vector<std::string>& words) {
    std::vector<std::string> command = {FAILOVERCTL, "--socket", path()};
    command.insert(command.end(), words.begin(), words.end());
    process_ = failover::test::Launch(command, Path("log"));
  }
  void SwitchOver(const std::string& run, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"switchover", "--run", run};
    words.insert(words.end(), more.begin(), more.end());
    Launch(words);
  }
  // Blocks until the program has ended, and returns its exit code.
  int Exit() {
    int status = 0;
    EXPECT_EQ(waitpid(process_, &status, 0), process_);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string Output() const {
    std::ostringstream text;
    text << std::ifstream(Path("log")).rdbuf();
    return text.str();
  }
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  bool Exists(const std::string& name) const {
    struct stat found;
    return stat(Path(name).c_str(), &found) == 0;
  }
  void Touch(const std::string& name) const { std::ofstream(Path(name)) << "x"; }
  // A command that says that it runs, and goes on when the test makes the file "go".
  std::string Waiting(const std::string& then) const {
    return "touch " + Path("runs") + "; while [ ! -e " + Path("go") + " ]; do sleep 0.01; done; " +
           then;
  }
  bool AwaitCommand() const {
    return Await([this] { return Exists("runs"); });
  }

  pid_t process_ = -1;
};

TEST_F(FailoverctlTest, Status) {
  Start();
  Launch({"status"});
  EXPECT_EQ(Exit(), 0);
  EXPECT_THAT(Output(), HasSubstr("shard=main/0 state=Idle primary=127.0.0.1:1"));
}

TEST_F(FailoverctlTest, ASwitchover) {
  Start();
  SwitchOver(Waiting("echo $FAILOVER_SHARD $FAILOVER_OLD_PRIMARY > " + Path("seen")));
  ASSERT_TRUE(AwaitCommand());
  std::future<bool> held = Hold();
  EXPECT_TRUE(Await([this] { return buffer_->GetShardStats("main", "0")->requests_held == 1; }));
  Report(1, 2);
  EXPECT_TRUE(held.get()) << "nobody waits for the end of the command";
  Touch("go");
  EXPECT_EQ(Exit(), 0) << Output();
  EXPECT_THAT(Output(), HasSubstr("done: the primary is 127.0.0.1:2"));
  std::string shard;
  std::string primary;
  std::ifstream(Path("seen")) >> shard >> primary;
  EXPECT_EQ(shard, "main/0");
  EXPECT_EQ(primary, "127.0.0.1:1");
}

TEST_F(FailoverctlTest, ANewPrimaryMayBeSeenAfterTheCommand) {
  Start();
  SwitchOver("true");
  EXPECT_TRUE(
      Await([this] { return Output().find("waiting for a new primary") != std::string::npos; }));
  Report(1, 2);
  EXPECT_EQ(Exit(), 0) << Output();
}

TEST_F(FailoverctlTest, TheCommandDoesNotRunBeforeItIsQuiet) {
  Start();
  failover::RetryDoneFunc transaction = Pass(Work::kTransaction);
  SwitchOver(Waiting("true"), {"--grace", "1m", "--quiet-timeout", "1m"});
  EXPECT_TRUE(Await([this] { return Output().find("transactions=1") != std::string::npos; }));
  EXPECT_FALSE(Exists("runs"));
  transaction();
  EXPECT_TRUE(AwaitCommand());
  Report(1, 2);
  Touch("go");
  EXPECT_EQ(Exit(), 0) << Output();
}

TEST_F(FailoverctlTest, WithoutQuietNothingIsChanged) {
  Start();
  failover::RetryDoneFunc transaction = Pass(Work::kTransaction);
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"--grace=1ms"},
        std::vector<std::string>{"--grace=1m", "--quiet-timeout=1ms"}}) {
    SwitchOver("touch " + Path("runs"), options);
    EXPECT_EQ(Exit(), 3) << Output();
    EXPECT_FALSE(Exists("runs"));
    EXPECT_TRUE(AwaitState(State::kIdle));
  }
}

TEST_F(FailoverctlTest, ACommandThatFailsCallsTheSwitchoverOff) {
  Start();
  SwitchOver("exit 7");
  EXPECT_EQ(Exit(), 4);
  EXPECT_THAT(Output(), HasSubstr("the command ended with 7"));
  EXPECT_TRUE(AwaitState(State::kIdle));
}

TEST_F(FailoverctlTest, NoNewPrimaryInTimeCallsTheSwitchoverOff) {
  Start(absl::Seconds(1));
  SwitchOver("true");
  EXPECT_EQ(Exit(), 5);
  EXPECT_THAT(Output(), HasSubstr("TimedOut"));
  EXPECT_TRUE(AwaitState(State::kIdle));
}

TEST_F(FailoverctlTest, WrongUsage) {
  Start();
  Launch({"switchover"});
  EXPECT_EQ(Exit(), 2);
  SwitchOver("true", {"--grace", "long"});
  EXPECT_EQ(Exit(), 2);
  EXPECT_THAT(Output(), HasSubstr("'long'"));
}

TEST_F(FailoverctlTest, NobodyListens) {
  Launch({"status"});
  EXPECT_EQ(Exit(), 1);
  EXPECT_THAT(Output(), HasSubstr(path()));
}

// ---- The end of the tool ------------------------------------------------------------------------

TEST_F(FailoverctlTest, AKilledToolReleasesAtOnce) {
  Start();
  failover::RetryDoneFunc transaction = Pass(Work::kTransaction);
  SwitchOver("true", {"--grace", "1m", "--quiet-timeout", "1m"});
  EXPECT_TRUE(Await([this] { return Output().find("transactions=1") != std::string::npos; }));
  failover::test::KillAndWait(process_);
  process_ = -1;
  EXPECT_TRUE(AwaitState(State::kIdle));
  transaction();
}

TEST_F(FailoverctlTest, AToolKilledWhileItsCommandRunsReleasesAtOnce) {
  Start();
  SwitchOver(Waiting("touch " + Path("done")));
  ASSERT_TRUE(AwaitCommand());
  std::future<bool> held = Hold();
  failover::test::KillAndWait(process_);
  process_ = -1;
  EXPECT_TRUE(held.get());
  Touch("go");
  EXPECT_TRUE(Await([this] { return Exists("done"); })) << "half a switchover would be worse";
}

TEST_F(FailoverctlTest, ASignalBeforeTheCommandCallsTheSwitchoverOff) {
  Start();
  failover::RetryDoneFunc transaction = Pass(Work::kTransaction);
  SwitchOver("touch " + Path("runs"), {"--grace", "1m", "--quiet-timeout", "1m"});
  EXPECT_TRUE(Await([this] { return Output().find("transactions=1") != std::string::npos; }));
  kill(process_, SIGINT);
  EXPECT_EQ(Exit(), 128 + SIGINT);
  EXPECT_FALSE(Exists("runs"));
  EXPECT_TRUE(AwaitState(State::kIdle));
}

// The requests go to the old primary only when nobody changes anything any more.
TEST_F(FailoverctlTest, ASignalGoesToTheCommandFirst) {
  Start();
  SwitchOver("trap 'sleep 0.1; touch " + Path("trapped") + "; exit 1' TERM; " + Waiting("true"));
  ASSERT_TRUE(AwaitCommand());
  std::future<bool> held = Hold();
  kill(process_, SIGTERM);
  EXPECT_TRUE(held.get());
  EXPECT_TRUE(Exists("trapped"));
  EXPECT_EQ(Exit(), 128 + SIGTERM);
}

TEST_F(FailoverctlTest, ASecondSignalKillsTheCommand) {
  Start();
  SwitchOver("trap 'touch " + Path("trapped") + "' TERM; " + Waiting("true"));
  ASSERT_TRUE(AwaitCommand());
  kill(process_, SIGTERM);
  ASSERT_TRUE(Await([this] { return Exists("trapped"); }));
  kill(process_, SIGTERM);
  EXPECT_EQ(Exit(), 128 + SIGTERM);
  EXPECT_TRUE(AwaitState(State::kIdle));
}

TEST_F(FailoverctlTest, ASwitchoverThatEndsWhileTheCommandRuns) {
  Start();
  SwitchOver(Waiting("true"));
  ASSERT_TRUE(AwaitCommand());
  EXPECT_TRUE(buffer_->StopBuffering(context_->shard));
  EXPECT_TRUE(Await(
      [this] { return Output().find("called off while the command ran") != std::string::npos; }));
  Touch("go");
  EXPECT_EQ(Exit(), 5) << Output();
}

// ---- Proxies that are none, or go away ----------------------------------------------------------

// Answers each line of the one client with the next text, and then ends the connection.
class ScriptedProxy {
 public:
  ScriptedProxy(const std::string& path, std::vector<std::string> texts)
      : file_(SocketFile::Listen(path).value()), socket_(file_->TakeSocket()) {
    thread_ = std::thread([this, texts = std::move(texts)] { Serve(texts); });
  }
  ~ScriptedProxy() { thread_.join(); }

 private:
  void Serve(const std::vector<std::string>& texts) const {
    const FileDescriptor client(accept(socket_.get(), nullptr, nullptr));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (i > 0 && !ReadLine(client)) return;
      send(client.get(), texts[i].data(), texts[i].size(), MSG_NOSIGNAL);
    }
    static_cast<void>(ReadLine(client));
  }
  static bool ReadLine(const FileDescriptor& client) {
    char byte = 0;
    while (byte != '\n') {
      if (recv(client.get(), &byte, 1, 0) != 1) return false;
    }
    return true;
  }

  const std::unique_ptr<SocketFile> file_;
  const FileDescriptor socket_;
  std::thread thread_;
};

constexpr char kGreeting[] = "INFO failover-admin 1\n";
constexpr char kBegun[] = "OK begun shard=main/0 primary=a:1 hold_timeout_ms=60000\n";
constexpr char kQuiet[] = "OK quiet statements=0 transactions=0\n";

TEST_F(FailoverctlTest, AnotherProgramListens) {
  const ScriptedProxy other(path(), {"220 mail.example.com\r\n"});
  Launch({"status"});
  EXPECT_EQ(Exit(), 1);
  EXPECT_THAT(Output(), HasSubstr("no admin socket"));
}

TEST_F(FailoverctlTest, AProxyThatEndsBeforeTheCommand) {
  const ScriptedProxy proxy(path(), {kGreeting, kBegun});
  SwitchOver("touch " + Path("runs"));
  EXPECT_EQ(Exit(), 1);
  EXPECT_FALSE(Exists("runs"));
}

TEST_F(FailoverctlTest, AProxyThatEndsWhileTheCommandRuns) {
  const ScriptedProxy proxy(path(), {kGreeting, kBegun, kQuiet});
  SwitchOver(Waiting("touch " + Path("done")));
  ASSERT_TRUE(AwaitCommand());
  EXPECT_TRUE(Await([this] {
    return Output().find("the connection to the proxy was lost") != std::string::npos;
  }));
  Touch("go");
  EXPECT_EQ(Exit(), 1) << Output();
  EXPECT_TRUE(Exists("done"));
}

TEST_F(FailoverctlTest, ALineWithoutAnEndIsNotKept) {
  const ScriptedProxy proxy(path(), {kGreeting, std::string(1 << 20, 'x')});
  SwitchOver("true");
  EXPECT_EQ(Exit(), 1);
}

}  // namespace
}  // namespace proxy::test

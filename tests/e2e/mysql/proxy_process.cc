#include "proxy_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "support/live_mysql_server.h"

namespace mysql_proxy {

using failover::test::Await;

namespace {

#ifdef FAILOVER_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

void WriteFile(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

// Returns the word that follows the last `before` in `text`.
std::string WordAfter(const std::string& text, const std::string& before) {
  const std::size_t at = text.rfind(before);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + before.size();
  return text.substr(begin, text.find_first_of(" ,\n", begin) - begin);
}

}  // namespace

std::unique_ptr<ProxyProcess> ProxyProcess::Start(const std::vector<std::uint16_t>& servers,
                                                  const std::vector<std::string>& flags) {
  std::unique_ptr<ProxyProcess> proxy(new ProxyProcess);
  if (!proxy->Launch(servers, flags)) {
    ADD_FAILURE() << "the proxy did not start:\n" << proxy->Output();
    return nullptr;
  }
  return proxy;
}

ProxyProcess::~ProxyProcess() {
  if (process_ > 0 && kSanitized) EndInOrder();
  if (process_ > 0) Kill();
  if (kSanitized && Output().find("Sanitizer") != std::string::npos) ADD_FAILURE() << Output();
}

void ProxyProcess::EndInOrder() {
  // The second signal ends the drain. A proxy that a test has stopped must go on to see them.
  for (const int number : {SIGCONT, SIGTERM, SIGINT}) Signal(number);
  EXPECT_EQ(AwaitExit(), 0) << Output();
}

bool ProxyProcess::Launch(const std::vector<std::uint16_t>& servers,
                          const std::vector<std::string>& flags) {
  using failover::mysql::kAppPassword;
  using failover::mysql::kAppUser;
  WriteFile(folder_.path() + "/users", std::string(kAppUser) + " " + kAppPassword + "\n");
  WriteFile(folder_.path() + "/password", std::string(kAppPassword) + "\n");
  std::string list;
  for (const std::uint16_t port : servers) list += "127.0.0.1:" + std::to_string(port) + ",";
  std::vector<std::string> command = {MYSQL_PROXY,
                                      "--listen=127.0.0.1:0",
                                      "--servers=" + list,
                                      "--users-file=" + folder_.path() + "/users",
                                      "--backend-user=" + std::string(kAppUser),
                                      "--backend-password-file=" + folder_.path() + "/password",
                                      "--poll-interval=20ms"};
  command.insert(command.end(), flags.begin(), flags.end());
  process_ = failover::test::Launch(std::move(command), log_path());
  const bool listens = Await([this] {
    port_ = static_cast<std::uint16_t>(
        std::atoi(WordAfter(Output(), "listening on 127.0.0.1:").c_str()));
    return port_ != 0 || waitpid(process_, nullptr, WNOHANG) == process_;
  });
  return listens && port_ != 0;
}

int ProxyProcess::Run(const std::vector<std::string>& flags, std::string* output) {
  ProxyProcess proxy;
  std::vector<std::string> command = {MYSQL_PROXY};
  command.insert(command.end(), flags.begin(), flags.end());
  proxy.process_ = failover::test::Launch(std::move(command), proxy.log_path());
  const int code = proxy.AwaitExit();
  *output = proxy.Output();
  return code;
}

std::string ProxyProcess::Output() const {
  std::ostringstream text;
  text << std::ifstream(log_path()).rdbuf();
  return text.str();
}

std::string ProxyProcess::State(const std::string& name) const {
  const std::size_t before = Output().size();
  Signal(SIGUSR1);
  std::string answer;
  Await([&] {
    answer = Output().substr(before);
    return answer.find("skipped:") != std::string::npos && answer.back() == '\n';
  });
  return WordAfter(answer, name + "=");
}

std::size_t ProxyProcess::MemoryInUse() const { return Memory("VmRSS:"); }

void ProxyProcess::LimitMemory(std::size_t more) const {
  rlimit limit = {};
  limit.rlim_cur = limit.rlim_max = Memory("VmSize:") + more;
  EXPECT_EQ(prlimit(process_, RLIMIT_AS, &limit, nullptr), 0);
}

void ProxyProcess::LimitFiles(std::size_t more) const {
  const std::filesystem::directory_iterator open("/proc/" + std::to_string(process_) + "/fd");
  rlimit limit = {};
  limit.rlim_cur = limit.rlim_max =
      static_cast<rlim_t>(std::distance(begin(open), end(open))) + more;
  EXPECT_EQ(prlimit(process_, RLIMIT_NOFILE, &limit, nullptr), 0);
}

std::size_t ProxyProcess::Memory(const std::string& name) const {
  std::ifstream file("/proc/" + std::to_string(process_) + "/status");
  std::string word;
  std::size_t kilobytes = 0;
  while (file >> word) {
    if (word == name) file >> kilobytes;
  }
  return kilobytes * 1024;
}

void ProxyProcess::Kill() {
  failover::test::KillAndWait(process_);
  process_ = -1;
}

void ProxyProcess::Signal(int number) const { kill(process_, number); }

int ProxyProcess::AwaitExit() {
  int status = 0;
  const bool ended = Await([&] { return waitpid(process_, &status, WNOHANG) == process_; });
  if (!ended) return -1;
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int RunProgram(std::vector<std::string> command, std::string& output) {
  const failover::test::TemporaryFolder folder;
  const std::string log = folder.path() + "/log";
  const pid_t process = failover::test::Launch(std::move(command), log);
  int status = -1;
  EXPECT_EQ(waitpid(process, &status, 0), process);
  std::ostringstream text;
  text << std::ifstream(log).rdbuf();
  output = text.str();
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace mysql_proxy

#include "proxy_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

namespace postgres_proxy {
namespace {

using failover::test::Await;

std::string TextOf(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// The exit code of `process`, which becomes -1; or -1 if the process does not end.
int AwaitEnd(pid_t& process) {
  int status = 0;
  if (!Await([&] { return waitpid(process, &status, WNOHANG) == process; })) return -1;
  process = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

std::unique_ptr<ProxyProcess> ProxyProcess::Start(const std::vector<std::uint16_t>& servers,
                                                  const std::string& users,
                                                  const std::vector<std::string>& flags) {
  std::unique_ptr<ProxyProcess> proxy(new ProxyProcess);
  if (proxy->Launch(servers, users, flags)) return proxy;
  ADD_FAILURE() << "the proxy did not start:\n" << proxy->Output();
  return nullptr;
}

ProxyProcess::~ProxyProcess() {
  if (process_ > 0) failover::test::KillAndWait(process_);
}

bool ProxyProcess::Launch(const std::vector<std::uint16_t>& servers, const std::string& users,
                          const std::vector<std::string>& flags) {
  WriteUsers(users);
  std::string list;
  for (const std::uint16_t port : servers) list += "127.0.0.1:" + std::to_string(port) + ",";
  std::vector<std::string> command = {POSTGRES_PROXY,
                                      "--listen=127.0.0.1:0",
                                      "--servers=" + list,
                                      "--users-file=" + folder_.path() + "/users",
                                      "--monitor-user=postgres",
                                      "--poll-interval=20ms"};
  command.insert(command.end(), flags.begin(), flags.end());
  process_ = failover::test::Launch(std::move(command), folder_.path() + "/log");
  const std::string before = "listening on 127.0.0.1:";
  Await([&] {
    const std::string output = Output();
    const std::size_t at = output.find(before);
    if (at != std::string::npos) {
      port_ = static_cast<std::uint16_t>(std::atoi(output.c_str() + at + before.size()));
    }
    return port_ != 0 || waitpid(process_, nullptr, WNOHANG) == process_;
  });
  return port_ != 0;
}

void ProxyProcess::WriteUsers(const std::string& users) const {
  std::ofstream(folder_.path() + "/users") << users;
}

std::string ProxyProcess::Output() const { return TextOf(folder_.path() + "/log"); }

void ProxyProcess::Signal(int number) const { kill(process_, number); }

int ProxyProcess::AwaitExit() { return AwaitEnd(process_); }

Program::Program(const std::vector<std::string>& command, const std::string& input) {
  std::ofstream(folder_.path() + "/input") << input;
  // The shell only redirects the input.
  std::vector<std::string> whole = {"/bin/sh", "-c", "exec \"$@\" < \"$0\"",
                                    folder_.path() + "/input"};
  whole.insert(whole.end(), command.begin(), command.end());
  process_ = failover::test::Launch(std::move(whole), folder_.path() + "/log");
}

Program::~Program() {
  if (process_ > 0) failover::test::KillAndWait(process_);
}

void Program::Signal(int number) const { kill(process_, number); }

int Program::Await() { return AwaitEnd(process_); }

std::string Program::Output() const { return TextOf(folder_.path() + "/log"); }

}  // namespace postgres_proxy

#include "nginx_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "controller.h"

namespace nginx {
namespace {

using failover::test::Await;

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string Address(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

std::string Configuration(const std::string& folder, const NginxOptions& options,
                          const std::string& stream) {
  std::string text = "load_module " NGINX_STREAM
                     ";\n"
                     "load_module " NGINX_MODULE
                     ";\n"
                     "daemon off;\n"
                     "pid FOLDER/pid;\n"
                     "error_log FOLDER/log info;\n"
                     "events { worker_connections 256; }\n" +
                     options.main;
  // The workers of a root's nginx are nobody, who could not open the control sockets.
  if (geteuid() == 0) text += "user root;\n";
  text += "worker_processes " + std::to_string(options.workers) + ";\n";
  text += "stream {\n" + stream + "}\n";
  return Replace(std::move(text), "FOLDER", folder);
}

std::vector<std::string> Command(const std::string& folder) {
  std::vector<std::string> command = {
      NGINX, "-p", folder, "-e", folder + "/log", "-c", folder + "/nginx.conf"};
#ifdef SANITIZER_LIBRARY
  // nginx itself is not instrumented, so the sanitizer must be there before the module.
  // The search for leaks is off, because it crashes itself now and then when it is loaded so.
  command.insert(command.begin(),
                 {"/usr/bin/env", "LD_PRELOAD=" SANITIZER_LIBRARY, "ASAN_OPTIONS=detect_leaks=0",
                  "UBSAN_OPTIONS=print_stacktrace=1"});
#endif
  return command;
}

void Prepare(const std::string& folder, const NginxOptions& options, const std::string& stream) {
  std::filesystem::create_directory(folder + "/control");
  std::ofstream(folder + "/nginx.conf") << Configuration(folder, options, stream);
}

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

std::unique_ptr<NginxProcess> NginxProcess::Start(const NginxOptions& options) {
  std::unique_ptr<NginxProcess> nginx(new NginxProcess);
  if (!nginx->Launch(options)) {
    ADD_FAILURE() << "nginx did not start:\n" << nginx->Output();
    return nullptr;
  }
  return nginx;
}

bool NginxProcess::Launch(const NginxOptions& options) {
  std::string stream = "failover_control FOLDER/control;\n" + options.settings;
  stream += "upstream shop {\n  failover d 0;\n";
  for (const std::uint16_t port : options.servers) stream += "  server " + Address(port) + ";\n";
  stream += "}\n";
  // Each worker has a queue of its own, so that both get clients.
  stream +=
      "server { listen " + Address(port()) + " reuseport; failover_hold shop; proxy_pass shop; }\n";
  stream += "server { listen " + Address(denied_port()) +
            "; deny all; failover_hold shop; proxy_pass shop; }\n";
  stream += "server { listen " + Address(plain_port()) + "; proxy_pass " +
            Address(options.servers.front()) + "; }\n";
  Prepare(folder_.path(), options, stream);
  process_ = failover::test::Launch(Command(folder_.path()), folder_.path() + "/output");
  bool listens = false;
  Await([&] {
    listens = ControlSockets(control()).size() == static_cast<std::size_t>(options.workers);
    if (waitpid(process_, nullptr, WNOHANG) == process_) process_ = -1;
    return listens || process_ < 0;
  });
  return listens;
}

NginxProcess::~NginxProcess() {
  if (process_ <= 0) return;
  Signal(SIGTERM);
  int status = -1;
  if (!Await([&] { return waitpid(process_, &status, WNOHANG) == process_; })) {
    failover::test::KillAndWait(process_);
  }
  EXPECT_EQ(status, 0) << Output();
  for (const char* complaint : {"[alert]", "[emerg]", "Sanitizer", "runtime error", "signal 11"}) {
    EXPECT_EQ(Output().find(complaint), std::string::npos) << complaint << "\n" << Output();
  }
}

int NginxProcess::Check(const std::string& stream, std::string* output) {
  const failover::test::TemporaryFolder folder;
  Prepare(folder.path(), {}, stream);
  std::vector<std::string> command = Command(folder.path());
  command.emplace_back("-t");
  const pid_t process = failover::test::Launch(std::move(command), folder.path() + "/output");
  int status = -1;
  waitpid(process, &status, 0);
  *output = ReadFile(folder.path() + "/output") + ReadFile(folder.path() + "/log");
  return WEXITSTATUS(status);
}

std::string NginxProcess::Output() const {
  return ReadFile(folder_.path() + "/output") + ReadFile(folder_.path() + "/log");
}

void NginxProcess::Signal(int number) const { kill(process_, number); }

}  // namespace nginx

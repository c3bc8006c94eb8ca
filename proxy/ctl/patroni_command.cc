// The command that runs this program once more.
#include <unistd.h>

#include <array>
#include <climits>
#include <string>
#include <string_view>

#include "proxy/ctl/patroni.h"

namespace failoverctl {
namespace {

std::string Quoted(std::string_view word) {
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

// In the shell that runs the command, /proc/self/exe is the shell.
std::string OwnPath() {
  std::array<char, PATH_MAX> path;
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  return length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : "failoverctl";
}

}  // namespace

std::string PatroniCommand(const PatroniOptions& options) {
  std::string command =
      "exec " + Quoted(OwnPath()) + " patroni-switchover --patroni " + Quoted(options.url);
  if (!options.candidate.empty()) command += " --candidate " + Quoted(options.candidate);
  if (!options.ca_file.empty()) command += " --patroni-ca " + Quoted(options.ca_file);
  if (!options.login_file.empty()) command += " --patroni-login-file " + Quoted(options.login_file);
  return command;
}

}  // namespace failoverctl

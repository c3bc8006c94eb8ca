#include "proxy/ctl/events.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <system_error>

namespace failoverctl {
namespace {

using Clock = std::chrono::steady_clock;

// An answer of the proxy is much shorter.
constexpr std::size_t kMaxInput = 65536;

sigset_t Watched() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

std::string Reason(int error) { return std::system_category().message(error); }

std::vector<char*> PointersTo(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The environment of this program, and `variables` in place of those with the same names. Of two
// variables with one name, a shell would take either.
std::vector<std::string> EnvironmentWith(const std::vector<std::string>& variables) {
  std::vector<std::string> environment = variables;
  for (char** old = environ; *old != nullptr; ++old) {
    const std::string_view text = *old;
    const bool replaced =
        std::any_of(variables.begin(), variables.end(), [text](const std::string& variable) {
          const std::string name = variable.substr(0, variable.find('=') + 1);
          return text.substr(0, name.size()) == name;
        });
    if (!replaced) environment.emplace_back(text);
  }
  return environment;
}

[[noreturn]] void Execute(char* const* words, char* const* environment) {
  setpgid(0, 0);
  std::signal(SIGPIPE, SIG_DFL);
  const sigset_t watched = Watched();
  pthread_sigmask(SIG_UNBLOCK, &watched, nullptr);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing >= 0) dup2(nothing, STDIN_FILENO);
  execve("/bin/sh", words, environment);
  _exit(127);
}

}  // namespace

Events::Events() {
  std::signal(SIGPIPE, SIG_IGN);
  const sigset_t watched = Watched();
  pthread_sigmask(SIG_BLOCK, &watched, nullptr);
  signals_ = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
}

Events::~Events() {
  Disconnect();
  if (signals_ >= 0) close(signals_);
}

std::string Events::Connect(const std::string& path) {
  if (signals_ < 0) return "cannot wait for signals";
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return "the path is too long";
  std::copy(path.begin(), path.end(), address.sun_path);
  socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0 ||
      connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    Disconnect();
    return Reason(error);
  }
  return {};
}

void Events::Disconnect() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
  input_.clear();
}

void Events::Send(std::string_view line) {
  if (socket_ < 0) return;
  const std::string bytes = std::string(line) + "\n";
  // The proxy reads a command at once, and the kernel has room for so few bytes.
  const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent != static_cast<ssize_t>(bytes.size())) shutdown(socket_, SHUT_RDWR);
}

std::string Events::Run(const std::string& command, const std::vector<std::string>& variables) {
  std::vector<std::string> words = {"sh", "-c", command};
  std::vector<std::string> environment = EnvironmentWith(variables);
  const std::vector<char*> word_pointers = PointersTo(words);
  const std::vector<char*> variable_pointers = PointersTo(environment);
  command_ = fork();
  if (command_ < 0) return Reason(errno);
  if (command_ == 0) Execute(word_pointers.data(), variable_pointers.data());
  // Both processes do so, because nobody knows which one runs first.
  setpgid(command_, command_);
  return {};
}

void Events::Signal(int signal) const {
  if (command_ > 0) kill(-command_, signal);
}

bool Events::TakeLine(Event& event) {
  const std::size_t end = input_.find('\n');
  if (end == std::string::npos) return false;
  event.kind = Event::Kind::kLine;
  event.line = input_.substr(0, end);
  input_.erase(0, end + 1);
  return true;
}

bool Events::Receive(Event& event) {
  char bytes[4096];
  const ssize_t count = recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
  if (count > 0) input_.append(bytes, static_cast<std::size_t>(count));
  const bool again = count < 0 && (errno == EAGAIN || errno == EINTR);
  if ((count > 0 && input_.size() <= kMaxInput) || again) return TakeLine(event);
  Disconnect();
  event.kind = Event::Kind::kClosed;
  return true;
}

bool Events::TakeSignal(Event& event) {
  signalfd_siginfo info;
  while (read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo != SIGCHLD) {
      event.kind = Event::Kind::kSignal;
      event.signal = static_cast<int>(info.ssi_signo);
      return true;
    }
    if (command_ > 0 && waitpid(command_, &event.status, WNOHANG) == command_) {
      command_ = -1;
      event.kind = Event::Kind::kEnded;
      return true;
    }
  }
  return false;
}

Event Events::Next(std::chrono::milliseconds timeout) {
  Event event;
  if (TakeLine(event)) return event;
  const auto deadline = Clock::now() + timeout;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd files[] = {{signals_, POLLIN, 0}, {socket_, POLLIN, 0}};
    const int ready = poll(files, 2, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready == 0) return event;
    if (ready < 0) continue;
    if (files[0].revents != 0 && TakeSignal(event)) return event;
    if (files[1].revents != 0 && Receive(event)) return event;
  }
}

}  // namespace failoverctl

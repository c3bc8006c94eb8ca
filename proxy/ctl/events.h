// Everything that failoverctl waits for, in one place: lines of the proxy, signals, the end of the
// command.
#ifndef FAILOVER_PROXY_CTL_EVENTS_H_
#define FAILOVER_PROXY_CTL_EVENTS_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace failoverctl {

struct Event {
  enum class Kind : std::uint8_t {
    kLine,     // of the proxy
    kClosed,   // the connection to the proxy has ended; told once
    kSignal,   // SIGINT, SIGTERM or SIGHUP
    kEnded,    // the command has ended; told once
    kTimeout,  // nothing happened in time
  };
  Kind kind = Kind::kTimeout;
  std::string line = {};
  int signal = 0;
  // As of waitpid.
  int status = 0;
};

// Not thread-safe. There may be one object in a program, which must have one thread.
class Events {
 public:
  // Blocks the signals that Next tells of.
  Events();
  ~Events();

  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // Connects to the proxy. Returns why that fails; empty: connected.
  std::string Connect(const std::string& path);
  // A connection that does not take the line is closed. Next tells of it.
  void Send(std::string_view line);
  // Ends the connection. Next does not tell of it.
  void Disconnect();

  // Runs a command in a process group of its own, without input. Its environment is that of this
  // program, with `variables` ("NAME=value") in place of those with the same names. Returns why
  // that fails; empty: the command runs.
  std::string Run(const std::string& command, const std::vector<std::string>& variables);
  // Sends a signal to the process group of the command, unless the command has ended.
  void Signal(int signal) const;

  // Blocks until something happens.
  Event Next(std::chrono::milliseconds timeout);

 private:
  bool TakeLine(Event& event);
  bool Receive(Event& event);
  bool TakeSignal(Event& event);

  int signals_ = -1;
  int socket_ = -1;
  std::string input_;
  pid_t command_ = -1;
};

}  // namespace failoverctl

#endif  // FAILOVER_PROXY_CTL_EVENTS_H_

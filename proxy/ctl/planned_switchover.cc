#include "proxy/ctl/planned_switchover.h"

#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/ctl/events.h"
#include "proxy/ctl/patroni.h"

namespace failoverctl {
namespace {

using Kind = Event::Kind;
using std::chrono::milliseconds;

// How long the proxy may be silent. While it waits, it tells four times per second what goes on.
constexpr milliseconds kSilence{5000};
constexpr std::string_view kGreeting = "INFO failover-admin 1";

void Say(const std::string& text) { std::cerr << "failoverctl: " << text << std::endl; }

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// The value of "name=value" among the words of a line; empty: there is none.
std::string ValueOf(const std::string& line, const std::string& name) {
  const std::string key = " " + name + "=";
  const std::size_t found = line.find(key);
  if (found == std::string::npos) return {};
  const std::size_t begin = found + key.size();
  return line.substr(begin, line.find(' ', begin) - begin);
}

// The connection to the proxy, and how a command that waits for it ends.
class Dialogue {
 public:
  // The last line of an answer, or why there is none.
  struct Answer {
    std::string line;  // Empty: the connection was lost, or a signal came.
    int signal = 0;

    bool ok() const { return StartsWith(line, "OK"); }
    // Whether the proxy did not understand the command.
    bool is_bad() const { return StartsWith(line, "ERR BAD"); }
    std::string text() const {
      const std::size_t space = line.find(' ', line.find(' ') + 1);
      return space == std::string::npos ? line : line.substr(space + 1);
    }
  };

  // False: the proxy cannot be reached, which was said.
  bool Open(const std::string& path) {
    const std::string error = events_.Connect(path);
    if (!error.empty()) {
      Say("cannot connect to " + path + ": " + error);
      return false;
    }
    const Event greeting = events_.Next(kSilence);
    if (greeting.kind == Kind::kLine && greeting.line == kGreeting) return true;
    Say(path + ": this is no admin socket of a proxy, or of another version" +
        (greeting.kind == Kind::kLine ? ": " + greeting.line : ""));
    return false;
  }

  Answer Ask(const std::string& command) {
    events_.Send(command);
    return Await();
  }
  Answer Await() {
    while (true) {
      const Event event = events_.Next(kSilence);
      switch (event.kind) {
        case Kind::kLine:
          if (IsFinal(event.line)) return {event.line};
          Show(event.line);
          break;
        case Kind::kSignal:
          return {{}, event.signal};
        case Kind::kClosed:
        case Kind::kTimeout:
          Say("the connection to the proxy was lost");
          events_.Disconnect();
          return {};
        case Kind::kEnded:
          break;
      }
    }
  }

  static bool IsFinal(std::string_view line) {
    return StartsWith(line, "OK") || StartsWith(line, "ERR ");
  }

  // Prints a line that is not the last one of an answer. A state is printed once.
  void Show(const std::string& line) {
    if (StartsWith(line, "INFO ")) {
      std::cout << line.substr(5) << std::endl;
    } else if (StartsWith(line, "PROGRESS ") && line != last_progress_) {
      last_progress_ = line;
      Say(line.substr(9));
    }
  }

  Events& events() { return events_; }

 private:
  Events events_;
  std::string last_progress_;
};

// The steps of one planned switchover. Each returns the exit code if the switchover ends there.
class PlannedSwitchover {
 public:
  explicit PlannedSwitchover(const CtlOptions& options) : options_(options) {}

  int Run() {
    if (!dialogue_.Open(options_.socket)) return kUnreachable;
    if (const std::optional<int> code = Begin(); code.has_value()) return *code;
    if (const std::optional<int> code = AwaitQuiet(); code.has_value()) return *code;
    if (const std::optional<int> code = RunCommand(); code.has_value()) return *code;
    return Finish();
  }

 private:
  using Answer = Dialogue::Answer;

  std::optional<int> Begin() {
    std::string command = "switchover begin";
    if (!options_.shard.empty()) command += " " + options_.shard;
    if (!options_.grace.empty()) command += " --grace " + options_.grace;
    if (!options_.overdue.empty()) command += " --overdue " + options_.overdue;
    const Answer answer = dialogue_.Ask(command);
    if (!answer.ok()) return EndBeforeCommand(answer);
    hold_timeout_ms_ = std::strtoll(ValueOf(answer.line, "hold_timeout_ms").c_str(), nullptr, 10);
    shard_ = ValueOf(answer.line, "shard");
    old_primary_ = ValueOf(answer.line, "primary");
    Say("begun; the primary of " + shard_ + " is " + old_primary_);
    return std::nullopt;
  }

  std::optional<int> AwaitQuiet() {
    const std::string timeout = options_.quiet_timeout.empty()
                                    ? std::to_string(hold_timeout_ms_ / 2) + "ms"
                                    : options_.quiet_timeout;
    const Answer answer = dialogue_.Ask("wait-quiet " + timeout);
    if (!answer.ok()) return EndBeforeCommand(answer);
    Say("quiet: " + answer.text());
    return std::nullopt;
  }

  // The end of the connection calls the switchover off.
  int EndBeforeCommand(const Answer& answer) {
    dialogue_.events().Disconnect();
    if (answer.signal != 0) {
      Say("called off because of a signal");
      return 128 + answer.signal;
    }
    if (answer.line.empty()) return kUnreachable;
    if (answer.is_bad()) {
      Say(answer.text());
      return kUsage;
    }
    Say("called off, nothing was changed: " + answer.text());
    return kCalledOff;
  }

  std::optional<int> RunCommand() {
    const std::string error = dialogue_.events().Run(
        options_.run.empty() ? PatroniCommand(options_.patroni) : options_.run,
        {"FAILOVER_SHARD=" + shard_, "FAILOVER_OLD_PRIMARY=" + old_primary_});
    if (!error.empty()) {
      dialogue_.events().Disconnect();
      Say("called off, nothing was changed: cannot run the command: " + error);
      return kCalledOff;
    }
    dialogue_.events().Send("wait-primary");
    while (!status_.has_value()) {
      const Event event = dialogue_.events().Next(std::chrono::hours(1));
      if (event.kind == Kind::kEnded) status_ = event.status;
      if (event.kind == Kind::kSignal) PassOn(event.signal);
      if (event.kind == Kind::kLine) Note(event.line);
      if (event.kind == Kind::kClosed) {
        connection_lost_ = true;
        Say("the connection to the proxy was lost, and the switchover is called off; the command "
            "goes on");
      }
    }
    if (signal_ != 0) return CallOff("a signal", 128 + signal_);
    if (*status_ == 0) return std::nullopt;
    return CallOff(WIFEXITED(*status_)
                       ? "the command ended with " + std::to_string(WEXITSTATUS(*status_))
                       : "signal " + std::to_string(WTERMSIG(*status_)) + " ended the command",
                   kCommandFailed);
  }

  void PassOn(int signal) {
    Say(signal_ == 0 ? "a signal came: waiting for the end of the command"
                     : "another signal came: the command is killed");
    dialogue_.events().Signal(signal_ == 0 ? signal : SIGKILL);
    signal_ = signal;
  }

  // Takes a line of the answer to wait-primary.
  void Note(const std::string& line) {
    if (!Dialogue::IsFinal(line)) {
      dialogue_.Show(line);
      return;
    }
    answer_ = Answer{line};
    if (answer_->ok()) {
      Say("the new primary is " + ValueOf(line, "primary"));
    } else {
      Say("called off while the command ran: " + answer_->text());
    }
  }

  int CallOff(const std::string& why, int code) {
    if (connection_lost_) {
      Say(why);
      return code;
    }
    if (answer_.has_value() && answer_->ok()) {
      Say(why + ", but there is a new primary, and the requests have gone to it");
      return code;
    }
    dialogue_.events().Send("abort");
    // The first answer is that to wait-primary.
    if (!answer_.has_value() && dialogue_.Await().line.empty()) return code;
    const Answer answer = dialogue_.Await();
    Say("called off, because of this: " + why + (answer.ok() ? "" : " (" + answer.text() + ")"));
    return code;
  }

  int Finish() {
    if (connection_lost_) return kUnreachable;
    if (!answer_.has_value()) {
      Say("the command has ended; waiting for a new primary");
      answer_ = dialogue_.Await();
    }
    if (answer_->signal != 0) {
      const int signal = answer_->signal;
      answer_.reset();
      return CallOff("a signal", 128 + signal);
    }
    if (answer_->line.empty()) return kUnreachable;
    if (!answer_->ok()) {
      Say("no new primary was seen in time: " + answer_->text());
      return kNoNewPrimary;
    }
    const Answer committed = dialogue_.Ask("commit");
    if (!committed.ok()) {
      Say("cannot commit: " + committed.text());
      return committed.line.empty() ? kUnreachable : kNoNewPrimary;
    }
    std::cout << "done: the primary is " << ValueOf(answer_->line, "primary") << std::endl;
    return kDone;
  }

  const CtlOptions& options_;
  Dialogue dialogue_;
  long long hold_timeout_ms_ = 0;
  std::string shard_;
  std::string old_primary_;
  // How the command ended, as of waitpid.
  std::optional<int> status_;
  // The last signal that came while the command ran.
  int signal_ = 0;
  // The answer to wait-primary.
  std::optional<Answer> answer_;
  bool connection_lost_ = false;
};

}  // namespace

int ShowStatus(const CtlOptions& options) {
  Dialogue dialogue;
  if (!dialogue.Open(options.socket)) return kUnreachable;
  const Dialogue::Answer answer = dialogue.Ask("status");
  if (answer.signal != 0) return 128 + answer.signal;
  if (answer.ok()) return kDone;
  if (!answer.line.empty()) Say(answer.text());
  return kUnreachable;
}

int SwitchOver(const CtlOptions& options) { return PlannedSwitchover(options).Run(); }

}  // namespace failoverctl

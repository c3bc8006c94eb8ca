#include "proxy/ctl/ctl_options.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

namespace failoverctl {
namespace {

struct Option {
  std::string_view name;
  std::string CtlOptions::*value;
  bool for_switchover;
};

constexpr Option kOptions[] = {
    {"--socket", &CtlOptions::socket, false},
    {"--run", &CtlOptions::run, true},
    {"--shard", &CtlOptions::shard, true},
    {"--grace", &CtlOptions::grace, true},
    {"--overdue", &CtlOptions::overdue, true},
    {"--quiet-timeout", &CtlOptions::quiet_timeout, true},
};

bool IsOneWord(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

const Option* FindOption(std::string_view name) {
  for (const Option& option : kOptions) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

// Why the options do not fit together; empty: they do.
std::string Check(const CtlOptions& options, bool has_switchover_option) {
  if (options.action == Action::kHelp) return {};
  if (options.socket.empty()) return "--socket is needed";
  if (options.action == Action::kStatus) {
    return has_switchover_option ? "status has no other option than --socket" : "";
  }
  if (options.run.empty()) return "switchover needs --run, the command that changes the primary";
  for (const std::string* value :
       {&options.shard, &options.grace, &options.overdue, &options.quiet_timeout}) {
    if (!IsOneWord(*value))
      return "there is a space or an unprintable character in '" + *value + "'";
  }
  return {};
}

}  // namespace

ParsedOptions ParseCtlOptions(const std::vector<std::string>& words) {
  ParsedOptions parsed;
  CtlOptions& options = parsed.options;
  std::optional<Action> action;
  bool has_switchover_option = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--help" || word == "-h" || word == "help") return {};
    if (word.rfind("--", 0) != 0) {
      if (action.has_value() || (word != "status" && word != "switchover")) {
        return {{}, "unknown command '" + word + "'"};
      }
      action = word == "status" ? Action::kStatus : Action::kSwitchover;
      continue;
    }
    const std::size_t equals = word.find('=');
    const Option* const option = FindOption(std::string_view(word).substr(0, equals));
    if (option == nullptr) return {{}, "unknown option '" + word + "'"};
    if (equals == std::string::npos && i + 1 == words.size()) return {{}, word + " needs a value"};
    options.*option->value = equals == std::string::npos ? words[++i] : word.substr(equals + 1);
    if ((options.*option->value).empty()) {
      return {{}, std::string(option->name) + " needs a value"};
    }
    has_switchover_option = has_switchover_option || option->for_switchover;
  }
  if (!action.has_value()) return {{}, "a command is missing"};
  options.action = *action;
  parsed.error = Check(options, has_switchover_option);
  return parsed;
}

std::string_view CtlHelp() {
  return R"(Usage: failoverctl --socket PATH status
       failoverctl --socket PATH switchover --run COMMAND [options]

Makes a planned switchover through a proxy that was started with --admin-socket=PATH.

status shows the shard, its primary, and the switchover that is under way.

switchover changes the primary without the loss of a transaction:
  1. The proxy holds new transactions. Those that run may end, for --grace at most.
  2. The proxy holds everything, and waits until no statement is in flight.
  3. COMMAND runs (/bin/sh -c). It must make another server the primary. Nothing is in flight
     meanwhile, so it may even kill the old primary.
  4. When the proxy sees the new primary, it lets go to it what it held. If COMMAND ended with 0, too,
     the switchover is done.
If a step fails or takes too long, the switchover is called off: the proxy lets go what it held. The
steps take at most the proxy's --buffer-window together (10 s), so COMMAND should be quick, and do
later what can wait.

  --socket PATH         the proxy's --admin-socket
  --run COMMAND         what changes the primary. Its environment has FAILOVER_SHARD and
                        FAILOVER_OLD_PRIMARY (host:port). It has no input
  --shard NAME          the shard (default: the only one of the proxy)
  --grace DURATION      for how long transactions may go on (default: 3s)
  --overdue WHAT        abort (default): transactions that are left after --grace call the switchover
                        off; proceed: go on, so that exactly these transactions are lost
  --quiet-timeout DURATION
                        for how long steps 1 and 2 may take (default: half of the window)
  --help                show this

A duration is a number with a unit: 500ms, 3s.

SIGINT, SIGTERM and SIGHUP call the switchover off. While COMMAND runs, it is sent the signal first,
and failoverctl waits for its end; a second signal kills COMMAND. If failoverctl is killed, or loses
its connection, the proxy calls the switchover off at once. COMMAND goes on then.

Exit codes:
  0    done: there is a new primary
  1    the proxy cannot be reached, or the connection was lost
  2    wrong usage
  3    called off before COMMAND ran: nothing was changed
  4    COMMAND failed
  5    COMMAND ended with 0, but the proxy saw no new primary in time
  128+n  signal n
)";
}

}  // namespace failoverctl

#include "proxy/ctl/ctl_options.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace failoverctl {
namespace {

constexpr unsigned Bit(Action action) { return 1U << static_cast<unsigned>(action); }

// The commands that have an option.
constexpr unsigned kProxy = Bit(Action::kStatus) | Bit(Action::kSwitchover);
constexpr unsigned kPatroni = Bit(Action::kSwitchover) | Bit(Action::kPatroniSwitchover);
constexpr unsigned kSwitchover = Bit(Action::kSwitchover);

struct Option {
  std::string_view name;
  unsigned commands;
  std::string& (*value)(CtlOptions&);
};

constexpr Option kOptions[] = {
    {"--socket", kProxy, [](CtlOptions& o) -> std::string& { return o.socket; }},
    {"--run", kSwitchover, [](CtlOptions& o) -> std::string& { return o.run; }},
    {"--shard", kSwitchover, [](CtlOptions& o) -> std::string& { return o.shard; }},
    {"--grace", kSwitchover, [](CtlOptions& o) -> std::string& { return o.grace; }},
    {"--overdue", kSwitchover, [](CtlOptions& o) -> std::string& { return o.overdue; }},
    {"--quiet-timeout", kSwitchover, [](CtlOptions& o) -> std::string& { return o.quiet_timeout; }},
    {"--patroni", kPatroni, [](CtlOptions& o) -> std::string& { return o.patroni.url; }},
    {"--candidate", kPatroni, [](CtlOptions& o) -> std::string& { return o.patroni.candidate; }},
    {"--patroni-ca", kPatroni, [](CtlOptions& o) -> std::string& { return o.patroni.ca_file; }},
    {"--patroni-login-file", kPatroni,
     [](CtlOptions& o) -> std::string& { return o.patroni.login_file; }},
};

struct Command {
  std::string_view name;
  Action action;
};

constexpr Command kCommands[] = {{"status", Action::kStatus},
                                 {"switchover", Action::kSwitchover},
                                 {"patroni-switchover", Action::kPatroniSwitchover}};

bool IsOneWord(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

const Option* FindOption(std::string_view name) {
  for (const Option& option : kOptions) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

const Command* FindCommand(std::string_view name) {
  for (const Command& command : kCommands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

std::string CheckPatroni(const PatroniOptions& patroni) {
  if (patroni.url.empty()) {
    const bool alone =
        patroni.candidate.empty() && patroni.ca_file.empty() && patroni.login_file.empty();
    return alone ? "" : "--candidate, --patroni-ca and --patroni-login-file need --patroni";
  }
  const bool is_url = patroni.url.rfind("http://", 0) == 0 || patroni.url.rfind("https://", 0) == 0;
  if (!is_url) return "--patroni needs a URL, such as http://10.0.0.1:8008";
  return {};
}

std::string CheckSwitchover(const CtlOptions& options) {
  if (options.run.empty() == options.patroni.url.empty()) {
    return "switchover needs --run, the command that changes the primary, or --patroni";
  }
  for (const std::string* value :
       {&options.shard, &options.grace, &options.overdue, &options.quiet_timeout}) {
    if (!IsOneWord(*value))
      return "there is a space or an unprintable character in '" + *value + "'";
  }
  return CheckPatroni(options.patroni);
}

// Why the options do not fit together; empty: they do. `foreign` is an option of another command.
std::string Check(const CtlOptions& options, std::string_view foreign) {
  if (!foreign.empty()) return std::string(foreign) + " is no option of this command";
  if (options.action == Action::kPatroniSwitchover) {
    return options.patroni.url.empty() ? "--patroni is needed" : CheckPatroni(options.patroni);
  }
  if (options.socket.empty()) return "--socket is needed";
  return options.action == Action::kSwitchover ? CheckSwitchover(options) : std::string();
}

}  // namespace

ParsedOptions ParseCtlOptions(const std::vector<std::string>& words) {
  ParsedOptions parsed;
  CtlOptions& options = parsed.options;
  std::vector<const Option*> given;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--help" || word == "-h" || word == "help") return {};
    if (word.rfind("--", 0) != 0) {
      const Command* const command = FindCommand(word);
      if (command == nullptr || options.action != Action::kHelp) {
        return {{}, "unknown command '" + word + "'"};
      }
      options.action = command->action;
      continue;
    }
    const std::size_t equals = word.find('=');
    const Option* const option = FindOption(std::string_view(word).substr(0, equals));
    if (option == nullptr) return {{}, "unknown option '" + word + "'"};
    if (equals == std::string::npos && i + 1 == words.size()) return {{}, word + " needs a value"};
    std::string& value = option->value(options);
    value = equals == std::string::npos ? words[++i] : word.substr(equals + 1);
    if (value.empty()) return {{}, std::string(option->name) + " needs a value"};
    given.push_back(option);
  }
  if (options.action == Action::kHelp) return {{}, "a command is missing"};
  std::string_view foreign;
  for (const Option* const option : given) {
    if ((option->commands & Bit(options.action)) == 0) foreign = option->name;
  }
  parsed.error = Check(options, foreign);
  return parsed;
}

std::string_view CtlHelp() {
  return R"(Usage: failoverctl --socket PATH status
       failoverctl --socket PATH switchover --run COMMAND [options]
       failoverctl --socket PATH switchover --patroni URL [options]
       failoverctl patroni-switchover --patroni URL [options]

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

patroni-switchover is what `switchover --patroni` does in step 3, in place of COMMAND. By itself it
lets Patroni switch over without a proxy: it asks who leads, asks Patroni to replace that leader, and
waits for the answer.

  --socket PATH         the proxy's --admin-socket
  --run COMMAND         what changes the primary. Its environment has FAILOVER_SHARD and
                        FAILOVER_OLD_PRIMARY (host:port). It has no input
  --patroni URL         the REST interface of a member of Patroni, such as http://10.0.0.1:8008
  --candidate NAME      the member that shall lead (default: Patroni chooses)
  --patroni-ca FILE     the certificates that may have signed that of an https:// URL (PEM)
  --patroni-login-file FILE
                        the first line is user:password of the REST interface
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

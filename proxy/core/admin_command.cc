#include "proxy/core/admin_command.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace proxy {
namespace {

using Words = std::vector<std::string>;

// A word of the client, so that no byte of it can be taken for a part of the answer.
std::string Quoted(const std::string& word) {
  return absl::StrCat("'", absl::CHexEscape(word), "'");
}

absl::Status Bad(const std::string& what) { return absl::InvalidArgumentError(what); }

absl::StatusOr<absl::Duration> DurationOf(const std::string& name, const std::string& text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration < absl::ZeroDuration() ||
      duration == absl::InfiniteDuration()) {
    return Bad(absl::StrCat(name, " needs a duration such as 3s or 500ms, and not ", Quoted(text)));
  }
  return duration;
}

absl::StatusOr<failover::OnOverdue> OverdueOf(const std::string& text) {
  if (text == "abort") return failover::OnOverdue::kAbort;
  if (text == "proceed") return failover::OnOverdue::kProceed;
  return Bad(absl::StrCat("--overdue must be abort or proceed, and not ", Quoted(text)));
}

absl::Status SetOption(const std::string& name, const std::string& value, AdminCommand& command) {
  if (name == "--grace") {
    const absl::StatusOr<absl::Duration> grace = DurationOf(name, value);
    if (!grace.ok()) return grace.status();
    command.options.transaction_grace = *grace;
    return absl::OkStatus();
  }
  if (name == "--overdue") {
    const absl::StatusOr<failover::OnOverdue> overdue = OverdueOf(value);
    if (!overdue.ok()) return overdue.status();
    command.options.on_overdue = *overdue;
    return absl::OkStatus();
  }
  return Bad(absl::StrCat("there is no option ", Quoted(name)));
}

// The words behind "switchover begin". An option is "--name value" or "--name=value".
absl::StatusOr<AdminCommand> ParseBegin(const Words& words) {
  AdminCommand command{AdminVerb::kBegin};
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (!absl::StartsWith(word, "--")) {
      if (!command.shard.empty()) return Bad(absl::StrCat("a second shard: ", Quoted(word)));
      command.shard = word;
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    std::string value;
    if (equals != std::string::npos) {
      value = word.substr(equals + 1);
    } else if (++i < words.size()) {
      value = words[i];
    } else {
      return Bad(absl::StrCat(Quoted(name), " needs a value"));
    }
    if (absl::Status status = SetOption(name, value, command); !status.ok()) return status;
  }
  return command;
}

absl::StatusOr<AdminCommand> ParseWait(AdminVerb verb, const Words& words) {
  AdminCommand command{verb};
  if (words.size() == 1) return command;
  if (words.size() > 2) return Bad(absl::StrCat(words[0], " has one argument, the timeout"));
  const absl::StatusOr<absl::Duration> timeout = DurationOf(words[0], words[1]);
  if (!timeout.ok()) return timeout.status();
  command.timeout = *timeout;
  return command;
}

absl::StatusOr<AdminCommand> ParsePlain(AdminVerb verb, const Words& words) {
  if (words.size() > 1) return Bad(absl::StrCat(words[0], " has no argument"));
  return AdminCommand{verb};
}

}  // namespace

absl::StatusOr<AdminCommand> ParseAdminCommand(std::string_view line) {
  const Words words =
      absl::StrSplit(absl::string_view(line.data(), line.size()), ' ', absl::SkipEmpty());
  if (words.empty()) return Bad("a command is missing; see help");
  if (words[0] == "status") return ParsePlain(AdminVerb::kStatus, words);
  if (words[0] == "commit") return ParsePlain(AdminVerb::kCommit, words);
  if (words[0] == "abort") return ParsePlain(AdminVerb::kAbort, words);
  if (words[0] == "help") return ParsePlain(AdminVerb::kHelp, words);
  if (words[0] == "wait-quiet") return ParseWait(AdminVerb::kWaitQuiet, words);
  if (words[0] == "wait-primary") return ParseWait(AdminVerb::kWaitPrimary, words);
  if (words[0] != "switchover") return Bad(absl::StrCat("unknown command ", Quoted(words[0])));
  if (words.size() > 1 && words[1] == "begin") return ParseBegin(words);
  return Bad("switchover needs the word begin behind it");
}

std::string_view AdminHelp() {
  return "INFO status: the shard, and the switchover that is under way\n"
         "INFO switchover begin [shard] [--grace 3s] [--overdue abort|proceed]\n"
         "INFO wait-quiet [timeout]: until nothing is in flight\n"
         "INFO wait-primary [timeout]: until another primary is seen\n"
         "INFO commit: the servers have changed roles\n"
         "INFO abort: release everything to the old primary. So does the end of the connection\n";
}

}  // namespace proxy

// Feeds the proxies' admin interface any bytes as a line. Whatever is wrong must be told in one
// line of printable characters. A command that is understood must be understood the same however
// its words are set.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "fuzz_input.h"
#include "proxy/core/admin_command.h"

namespace proxy {
namespace {

using failover::fuzz::FuzzInput;
using failover::fuzz::Require;

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool Same(const AdminCommand& a, const AdminCommand& b) {
  return a.verb == b.verb && a.shard == b.shard && a.timeout == b.timeout &&
         a.options.transaction_grace == b.options.transaction_grace &&
         a.options.on_overdue == b.options.on_overdue;
}

// Writes a command as a client would.
std::string Written(const AdminCommand& command, const char* between) {
  switch (command.verb) {
    case AdminVerb::kStatus:
      return "status";
    case AdminVerb::kCommit:
      return "commit";
    case AdminVerb::kAbort:
      return "abort";
    case AdminVerb::kHelp:
      return "help";
    case AdminVerb::kWaitQuiet:
    case AdminVerb::kWaitPrimary: {
      const char* const name =
          command.verb == AdminVerb::kWaitQuiet ? "wait-quiet" : "wait-primary";
      if (command.timeout == absl::InfiniteDuration()) return name;
      return absl::StrCat(name, " ", absl::FormatDuration(command.timeout));
    }
    case AdminVerb::kBegin:
      break;
  }
  return absl::StrCat(
      "switchover begin --grace", between, absl::FormatDuration(command.options.transaction_grace),
      " --overdue", between,
      command.options.on_overdue == failover::OnOverdue::kAbort ? "abort" : "proceed", " ",
      command.shard);
}

void CheckLine(const std::string& line) {
  const absl::StatusOr<AdminCommand> command = ParseAdminCommand(line);
  const std::string wide = absl::StrReplaceAll(line, {{" ", "   "}});
  const absl::StatusOr<AdminCommand> again = ParseAdminCommand(absl::StrCat(" ", wide, " "));
  Require(command.ok() == again.ok(), "more blanks change nothing", line);
  if (!command.ok()) {
    Require(command.status().code() == absl::StatusCode::kInvalidArgument, "the line is wrong");
    Require(IsPrintable({command.status().message().data(), command.status().message().size()}),
            "an answer is one line of printable characters", line);
    Require(command.status() == again.status(), "more blanks change nothing", line);
    return;
  }
  Require(Same(*command, *again), "more blanks change nothing", line);
  Require(command->timeout >= absl::ZeroDuration(), "no wait is negative", line);
  Require(command->options.transaction_grace >= absl::ZeroDuration() &&
              command->options.transaction_grace < absl::InfiniteDuration(),
          "a grace is finite and not negative", line);
  for (const char* const between : {" ", "="}) {
    const absl::StatusOr<AdminCommand> read = ParseAdminCommand(Written(*command, between));
    Require(read.ok() && Same(*command, *read), "a command reads as it was written", line);
  }
  Require(!ParseAdminCommand(absl::StrCat(line, " --no-such-option")).ok(),
          "an unknown word is an error", line);
}

// Puts words together that a line of a client may have, so that more lines are understood.
std::string Sentence(FuzzInput& input) {
  constexpr std::string_view kWords[] = {"status",       "help",      "commit",         "abort",
                                         "switchover",   "begin",     "wait-quiet",     "--grace",
                                         "--grace=",     "--overdue", "proceed",        "3s",
                                         "wait-primary", "shard/0",   "1h2m",           "500ms",
                                         "-1s",          "inf",       "--overdue=abort"};
  std::string line;
  for (std::size_t left = input.Below(8); left > 0; --left) {
    const std::string_view word = kWords[input.Below(std::size(kWords))];
    absl::StrAppend(&line, absl::string_view(word.data(), word.size()), input.Bool() ? " " : "");
  }
  return line + input.Line();
}

void Run(FuzzInput input) {
  if (input.Bool()) return CheckLine(Sentence(input));
  CheckLine(input.Rest().substr(0, kMaxAdminLine));
}

}  // namespace
}  // namespace proxy

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  proxy::Run(failover::fuzz::FuzzInput(data, size));
  return 0;
}

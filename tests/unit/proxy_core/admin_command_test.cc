#include "proxy/core/admin_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace proxy {
namespace {

using testing::HasSubstr;

std::string ErrorOf(std::string_view line) {
  const absl::StatusOr<AdminCommand> command = ParseAdminCommand(line);
  EXPECT_FALSE(command.ok()) << line;
  EXPECT_TRUE(command.ok() || absl::IsInvalidArgument(command.status()));
  return std::string(command.status().message());
}

AdminCommand Parse(std::string_view line) {
  const absl::StatusOr<AdminCommand> command = ParseAdminCommand(line);
  EXPECT_TRUE(command.ok()) << command.status();
  return command.value_or(AdminCommand());
}

TEST(AdminCommandTest, PlainCommands) {
  EXPECT_EQ(Parse("status").verb, AdminVerb::kStatus);
  EXPECT_EQ(Parse("  commit ").verb, AdminVerb::kCommit);
  EXPECT_EQ(Parse("abort").verb, AdminVerb::kAbort);
  EXPECT_EQ(Parse("help").verb, AdminVerb::kHelp);
}

TEST(AdminCommandTest, BeginWithoutOptionsHasThoseOfTheLibrary) {
  const AdminCommand command = Parse("switchover begin");
  EXPECT_EQ(command.verb, AdminVerb::kBegin);
  EXPECT_EQ(command.shard, "");
  EXPECT_EQ(command.options.transaction_grace, absl::Seconds(3));
  EXPECT_EQ(command.options.on_overdue, failover::OnOverdue::kAbort);
  EXPECT_FALSE(command.options.hold_timeout.has_value());
}

TEST(AdminCommandTest, BeginWithOptions) {
  for (const char* line : {"switchover begin main/0 --grace 1500ms --overdue proceed",
                           "switchover begin --overdue=proceed main/0 --grace=1.5s"}) {
    const AdminCommand command = Parse(line);
    EXPECT_EQ(command.shard, "main/0") << line;
    EXPECT_EQ(command.options.transaction_grace, absl::Milliseconds(1500)) << line;
    EXPECT_EQ(command.options.on_overdue, failover::OnOverdue::kProceed) << line;
  }
}

TEST(AdminCommandTest, Waits) {
  EXPECT_EQ(Parse("wait-quiet").timeout, absl::InfiniteDuration());
  EXPECT_EQ(Parse("wait-quiet 0s").timeout, absl::ZeroDuration());
  EXPECT_EQ(Parse("wait-primary 2s").timeout, absl::Seconds(2));
  EXPECT_EQ(Parse("wait-primary 2s").verb, AdminVerb::kWaitPrimary);
}

TEST(AdminCommandTest, AnErrorNamesWhatIsWrong) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("missing"));
  EXPECT_THAT(ErrorOf("   "), HasSubstr("missing"));
  EXPECT_THAT(ErrorOf("comit"), HasSubstr("'comit'"));
  EXPECT_THAT(ErrorOf("STATUS"), HasSubstr("'STATUS'"));
  EXPECT_THAT(ErrorOf("status now"), HasSubstr("status has no argument"));
  EXPECT_THAT(ErrorOf("switchover"), HasSubstr("begin"));
  EXPECT_THAT(ErrorOf("switchover start"), HasSubstr("begin"));
  EXPECT_THAT(ErrorOf("switchover begin a b"), HasSubstr("'b'"));
  EXPECT_THAT(ErrorOf("switchover begin --grace"), HasSubstr("'--grace'"));
  EXPECT_THAT(ErrorOf("switchover begin --grace="), HasSubstr("--grace"));
  EXPECT_THAT(ErrorOf("switchover begin --grace 3"), HasSubstr("'3'"));
  EXPECT_THAT(ErrorOf("switchover begin --grace -1s"), HasSubstr("'-1s'"));
  EXPECT_THAT(ErrorOf("switchover begin --grace inf"), HasSubstr("'inf'"));
  EXPECT_THAT(ErrorOf("switchover begin --overdue maybe"), HasSubstr("'maybe'"));
  EXPECT_THAT(ErrorOf("switchover begin --hold 1s"), HasSubstr("'--hold'"));
  EXPECT_THAT(ErrorOf("wait-quiet soon"), HasSubstr("'soon'"));
  EXPECT_THAT(ErrorOf("wait-quiet 1s 2s"), HasSubstr("wait-quiet"));
}

// What a peer sends comes back in an error, and must not be taken for another line.
TEST(AdminCommandTest, ErrorsArePrintable) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string line = std::string("sta") + static_cast<char>(byte) + "tus";
    const std::string error = ErrorOf(line);
    EXPECT_TRUE(std::all_of(error.begin(), error.end(), [](char c) {
      return c >= ' ' && c <= '~';
    })) << byte;
  }
}

}  // namespace
}  // namespace proxy

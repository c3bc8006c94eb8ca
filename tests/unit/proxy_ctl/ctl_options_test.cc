#include "proxy/ctl/ctl_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace failoverctl {
namespace {

using testing::HasSubstr;

std::string ErrorOf(const std::vector<std::string>& words) { return ParseCtlOptions(words).error; }

TEST(CtlOptionsTest, Status) {
  const ParsedOptions parsed = ParseCtlOptions({"--socket", "/run/s", "status"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.action, Action::kStatus);
  EXPECT_EQ(parsed.options.socket, "/run/s");
}

TEST(CtlOptionsTest, Switchover) {
  const ParsedOptions parsed =
      ParseCtlOptions({"switchover", "--socket=/run/s", "--run", "switch --now=1", "--grace=5s",
                       "--overdue", "proceed", "--quiet-timeout", "6s", "--shard", "main/0"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.action, Action::kSwitchover);
  EXPECT_EQ(parsed.options.run, "switch --now=1");
  EXPECT_EQ(parsed.options.grace, "5s");
  EXPECT_EQ(parsed.options.overdue, "proceed");
  EXPECT_EQ(parsed.options.quiet_timeout, "6s");
  EXPECT_EQ(parsed.options.shard, "main/0");
}

TEST(CtlOptionsTest, HelpComesFirst) {
  EXPECT_EQ(ParseCtlOptions({"switchover", "--help"}).options.action, Action::kHelp);
  EXPECT_EQ(ErrorOf({"switchover", "--help"}), "");
  EXPECT_THAT(std::string(CtlHelp()), HasSubstr("--quiet-timeout"));
}

TEST(CtlOptionsTest, AnErrorNamesWhatIsWrong) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("command is missing"));
  EXPECT_THAT(ErrorOf({"status"}), HasSubstr("--socket"));
  EXPECT_THAT(ErrorOf({"--socket", "s", "stop"}), HasSubstr("'stop'"));
  EXPECT_THAT(ErrorOf({"--socket", "s", "status", "status"}), HasSubstr("'status'"));
  EXPECT_THAT(ErrorOf({"--socket"}), HasSubstr("--socket needs a value"));
  EXPECT_THAT(ErrorOf({"--socket=", "status"}), HasSubstr("--socket needs a value"));
  EXPECT_THAT(ErrorOf({"--socket", "s", "switchover"}), HasSubstr("--run"));
  EXPECT_THAT(ErrorOf({"--socket", "s", "status", "--run", "x"}), HasSubstr("status"));
  EXPECT_THAT(ErrorOf({"--socket", "s", "switchover", "--runs", "x"}), HasSubstr("'--runs'"));
}

// Otherwise the value would be a command of its own for the proxy.
TEST(CtlOptionsTest, AValueForTheProxyIsOneWord) {
  for (const char* value : {"1s --overdue", "1s\ncommit", "1s\t", "1s\x7f"}) {
    EXPECT_NE(ErrorOf({"--socket", "s", "switchover", "--run", "x", "--grace", value}), "")
        << value;
  }
}

}  // namespace
}  // namespace failoverctl

#include "proxy/ctl/ctl_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/ctl/patroni.h"

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
  EXPECT_THAT(ErrorOf({"--socket", "s", "status", "--run", "x"}), HasSubstr("--run is no option"));
  EXPECT_THAT(ErrorOf({"--socket", "s", "switchover", "--runs", "x"}), HasSubstr("'--runs'"));
}

TEST(CtlOptionsTest, Patroni) {
  const ParsedOptions parsed =
      ParseCtlOptions({"switchover", "--socket=/run/s", "--patroni", "http://127.0.0.1:8008",
                       "--candidate=n2", "--patroni-ca=ca.pem", "--patroni-login-file", "login"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.patroni.url, "http://127.0.0.1:8008");
  EXPECT_EQ(parsed.options.patroni.candidate, "n2");
  EXPECT_EQ(parsed.options.patroni.ca_file, "ca.pem");
  EXPECT_EQ(parsed.options.patroni.login_file, "login");
  EXPECT_EQ(ParseCtlOptions({"patroni-switchover", "--patroni=https://h"}).options.action,
            Action::kPatroniSwitchover);
}

TEST(CtlOptionsTest, AnErrorOfPatronisOptionsNamesWhatIsWrong) {
  EXPECT_THAT(ErrorOf({"patroni-switchover"}), HasSubstr("--patroni is needed"));
  EXPECT_THAT(ErrorOf({"patroni-switchover", "--patroni", "n2:8008"}), HasSubstr("URL"));
  EXPECT_THAT(ErrorOf({"patroni-switchover", "--patroni", "http://h", "--socket", "s"}),
              HasSubstr("--socket is no option"));
  EXPECT_THAT(ErrorOf({"--socket", "s", "status", "--patroni", "http://h"}),
              HasSubstr("--patroni is no option"));
  EXPECT_THAT(ErrorOf({"--socket", "s", "switchover", "--run", "x", "--patroni", "http://h"}),
              HasSubstr("--run"));
  EXPECT_THAT(ErrorOf({"--socket", "s", "switchover", "--run", "x", "--candidate", "n2"}),
              HasSubstr("need --patroni"));
}

// A shell reads the command.
TEST(CtlOptionsTest, TheCommandForPatroniKeepsItsWordsTogether) {
  PatroniOptions options;
  options.url = "http://h";
  options.candidate = "it's; reboot";
  EXPECT_THAT(PatroniCommand(options),
              HasSubstr("patroni-switchover --patroni 'http://h' --candidate 'it'\\''s; reboot'"));
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

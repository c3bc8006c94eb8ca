// What a feed does when its etcd is slow, hostile, half dead, another one, or gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "support/reserved_port.h"
#include "unit/topology/feed_test.h"

namespace failover::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class FeedTroubleTest : public FeedTest {
 protected:
  // Waits for an error with this text, and then for a watch that stands again.
  void ExpectTroubleThenPeace(const std::string& text, const std::string& path) {
    ASSERT_TRUE(AwaitState([&](const State& state) {
      return !state.connected && absl::StrContains(state.last_error.message(), text);
    })) << text;
    EXPECT_THAT(std::string(StateNow().last_error.message()), HasSubstr(etcd_.url()));
    etcd_.SetRawAnswer(path, "");
    ASSERT_TRUE(AwaitState([](const State& state) { return state.connected; })) << text;
    EXPECT_EQ(StateNow().leader, "n1");
  }
};

std::string Http(const std::string& body, int code = 200) {
  return absl::StrCat("HTTP/1.1 ", code, " Status\r\nContent-Length: ", body.size(), "\r\n\r\n",
                      body);
}

// ---- Answers that are wrong ---------------------------------------------------------------------

TEST_F(FeedTroubleTest, AHostileRangeIsAnErrorThatNamesTheEndpoint) {
  const struct {
    std::string answer;
    const char* text;
  } kRows[] = {
      {Http("{"), "no JSON"},
      {Http("[]"), "no JSON object"},
      {Http(R"({"header":{"revision":"x"}})"), "revision is no integer"},
      {Http(R"({"header":{"revision":"9"},"kvs":[{"key":"*"}]})"), "key is no base64"},
      {Http("no", 500), "HTTP status 500: no"},
      {Http("", 302), "HTTP status 302"},
      {"nonsense\r\n\r\n", "etcd http://"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "etcd http://"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "etcd http://"},
      {Http(std::string((4 << 20) + 1, ' ')), "the answer is longer than"},
  };
  etcd_.SetRawAnswer("kv/range", kRows[0].answer);
  Start();
  for (const auto& row : kRows) {
    etcd_.SetRawAnswer("kv/range", row.answer);
    etcd_.CloseConnections();
    ExpectTroubleThenPeace(row.text, "kv/range");
  }
}

TEST_F(FeedTroubleTest, AHostileWatchIsAnErrorThatNamesTheEndpoint) {
  const struct {
    std::string answer;
    const char* text;
  } kRows[] = {
      {Http("{\n"), "no JSON"},
      {Http("{\"result\":7}\n"), "no result"},
      {Http("{\"error\":{\"message\":\"no leader\"}}\n"), "the watch ended: no leader"},
      {Http(""), "the watch ended"},
      {Http("Not Found", 404), "HTTP status 404: Not Found"},
      {Http("Not Found\n", 404), "HTTP status 404: Not Found"},
      {Http("{\"result\":{\"header\":{\"cluster_id\":\"5\",\"revision\":\"9\"},"
            "\"created\":true}}\n"),
       "the watch is of another etcd cluster"},
      {Http(std::string((4 << 20) + 1, ' ')), "the answer is longer than"},
  };
  etcd_.SetRawAnswer("watch", kRows[0].answer);
  Start();
  for (const auto& row : kRows) {
    etcd_.SetRawAnswer("watch", row.answer);
    etcd_.CloseConnections();
    ExpectTroubleThenPeace(row.text, "watch");
  }
}

TEST_F(FeedTroubleTest, AWatchMayBeCanceled) {
  StartAndConnect();
  etcd_.TellWatches(R"({"result":{"header":{"cluster_id":"18364758544493064720","revision":"11"},)"
                    R"("canceled":true,"cancel_reason":"permission denied"}})");
  ASSERT_TRUE(AwaitLine("the watch was canceled: permission denied"));
  ASSERT_TRUE(etcd_.AwaitCount("watch", 2));
}

TEST_F(FeedTroubleTest, ALineWithoutAnEndIsNotWaitedForForEver) {
  StartAndConnect();
  etcd_.TellWatches(std::string((4 << 20) + 1, 'x'));
  ASSERT_TRUE(AwaitLine("the answer is longer than"));
  Lead("n2");
  ASSERT_TRUE(AwaitLeader("n2"));
}

// ---- Silence ------------------------------------------------------------------------------------

TEST_F(FeedTroubleTest, AnEndpointThatSaysNothingIsLeft) {
  FakeEtcd silent;
  silent.SetSilent("kv/range", true);
  options_.etcd.endpoints = {silent.url(), etcd_.url()};
  options_.etcd.request_timeout = absl::Milliseconds(50);
  StartAndConnect();
  EXPECT_GE(silent.CountOf("kv/range"), 1);
  EXPECT_EQ(CountOf(silent.url()), 1u);
}

TEST_F(FeedTroubleTest, AWatchThatDoesNotBeginIsLeft) {
  FakeEtcd silent;
  silent.Put(kPrefix + "leader", "n1");
  silent.SetSilent("watch", true);
  options_.etcd.endpoints = {silent.url()};
  options_.etcd.request_timeout = absl::Milliseconds(200);
  Start();
  ASSERT_TRUE(AwaitLine("the watch does not begin"));
  silent.SetSilent("watch", false);
  ASSERT_TRUE(AwaitState([](const State& state) { return state.connected; }));
}

TEST_F(FeedTroubleTest, APollHearsWhatAHalfDeadWatchDoesNotTell) {
  options_.etcd.poll_interval = absl::Milliseconds(100);
  StartAndConnect();
  etcd_.MuteWatches(true);
  Lead("n2");
  ASSERT_TRUE(AwaitLeader("n2"));
  ASSERT_TRUE(AwaitLine("the watch told nothing of a change"));
}

TEST_F(FeedTroubleTest, APollThatFailsEndsTheWatch) {
  options_.etcd.poll_interval = absl::Milliseconds(100);
  options_.etcd.request_timeout = absl::Milliseconds(300);
  StartAndConnect();
  etcd_.SetSilent("kv/range", true);
  ASSERT_TRUE(AwaitState([](const State& state) { return !state.connected; }));
  etcd_.SetSilent("kv/range", false);
  ASSERT_TRUE(AwaitState([](const State& state) { return state.connected; }));
}

TEST_F(FeedTroubleTest, WhatIsKnownStaysAndSilenceReleasesNothing) {
  auto dying = std::make_unique<FakeEtcd>();
  dying->Put(kPrefix + "leader", "n1");
  options_.etcd.endpoints = {dying->url()};
  StartAndConnect();
  dying->Put(kPrefix + "failover", kNow);
  ASSERT_TRUE(AwaitHold());
  dying.reset();
  ASSERT_TRUE(AwaitState([](const State& state) { return !state.connected; }));
  EXPECT_EQ(StateNow().leader, "n1");
  EXPECT_TRUE(StateNow().holding);
  EXPECT_TRUE(Holds());
}

// ---- Several endpoints --------------------------------------------------------------------------

TEST_F(FeedTroubleTest, EndpointsAreTriedInTurn) {
  const ReservedPort nobody;
  options_.etcd.endpoints = {absl::StrCat("http://127.0.0.1:", nobody.port()), etcd_.url() + "/"};
  StartAndConnect();
  EXPECT_EQ(StateNow().leader, "n1");
}

TEST_F(FeedTroubleTest, ChangesDuringAnOutageAreNotMissed) {
  StartAndConnect();
  etcd_.MuteWatches(true);
  const std::int64_t term = Lead("n2");
  Announce(R"({"leader":"n2"})");
  etcd_.CloseConnections();
  ASSERT_TRUE(AwaitHold());
  EXPECT_EQ(StateNow().leader, "n2");
  EXPECT_EQ(StateNow().term, term);
}

TEST_F(FeedTroubleTest, AnOutageIsLoggedOnceForEachEndpoint) {
  const ReservedPort nobody;
  etcd_.SetRawAnswer("kv/range", Http("no", 500));
  options_.etcd.endpoints = {absl::StrCat("http://127.0.0.1:", nobody.port()), etcd_.url()};
  Start();
  ASSERT_TRUE(etcd_.AwaitCount("kv/range", 4));
  EXPECT_EQ(CountOf("Couldn't connect to server: Connection refused"), 1u);
  EXPECT_EQ(CountOf("HTTP status 500: no"), 1u);
  etcd_.SetRawAnswer("kv/range", "");
  ASSERT_TRUE(AwaitState([](const State& state) { return state.connected; }));
  etcd_.SetRawAnswer("kv/range", Http("no", 500));
  const int before = etcd_.CountOf("kv/range");
  etcd_.CloseConnections();
  ASSERT_TRUE(etcd_.AwaitCount("kv/range", before + 2));
  EXPECT_EQ(CountOf("HTTP status 500: no"), 2u) << "this is another outage";
}

// ---- Compaction and other stores ----------------------------------------------------------------

TEST_F(FeedTroubleTest, ACompactedWatchReadsAnew) {
  StartAndConnect();
  etcd_.MuteWatches(true);
  const std::int64_t term = Lead("n2");
  Lead("n2");
  etcd_.Compact();
  etcd_.MuteWatches(false);
  ASSERT_TRUE(AwaitLeader("n2"));
  EXPECT_GE(StateNow().term, term);
  ASSERT_TRUE(etcd_.AwaitCount("watch", 2));
  Lead("n3");
  ASSERT_TRUE(AwaitLeader("n3"));
  EXPECT_EQ(CountOf("etcd http://"), 0u) << "a compaction is no trouble";
}

TEST_F(FeedTroubleTest, TermsGoOnInARebuiltEtcd) {
  for (int i = 0; i < 100; ++i) Lead(absl::StrCat("n", i % 2));
  const std::int64_t term = Lead("n1");
  StartAndConnect();
  etcd_.Rebuild(77, 1);
  etcd_.Put(kPrefix + "leader", "n2");
  ASSERT_TRUE(AwaitLeader("n2"));
  EXPECT_GT(StateNow().term, term);
  EXPECT_EQ(CountOf("is another etcd cluster: terms go on from"), 1u);
}

TEST_F(FeedTroubleTest, TermsGoOnInARestoredEtcd) {
  StartAndConnect();
  const std::int64_t term = Lead("n2");
  ASSERT_TRUE(AwaitLeader("n2"));
  // The same identifier, and an older revision.
  etcd_.Rebuild(0xfedcba9876543210, 5);
  etcd_.Put(kPrefix + "leader", "n3");
  ASSERT_TRUE(AwaitLeader("n3"));
  EXPECT_GT(StateNow().term, term);
  EXPECT_EQ(CountOf("has an older revision: terms go on from"), 1u);
}

TEST_F(FeedTroubleTest, ARebuiltEtcdEndsNoHold) {
  Report(1, true, 1);
  StartAndConnect();
  Announce(kNow);
  ASSERT_TRUE(AwaitHold());
  etcd_.Rebuild(77, 1);
  ASSERT_TRUE(AwaitLeader(""));
  Lead("n1");
  ASSERT_TRUE(AwaitLeader("n1"));
  Lead("n2");
  ASSERT_TRUE(AwaitLeader("n2"));
  EXPECT_TRUE(StateNow().holding);
  EXPECT_TRUE(Holds());
  Report(1, false, 1);
  Report(2, true, 2);
  EXPECT_FALSE(Holds());
}

// ---- Login --------------------------------------------------------------------------------------

TEST_F(FeedTroubleTest, LogsInAndRenewsTheToken) {
  etcd_.AskForLogin("watcher", "s\"cret");
  options_.etcd.user = "watcher";
  options_.etcd.password = "s\"cret";
  options_.etcd.password_without_tls = true;
  options_.etcd.poll_interval = absl::Milliseconds(100);
  StartAndConnect();
  EXPECT_EQ(etcd_.CountOf("auth/authenticate"), 1);
  etcd_.ForgetTokens();
  ASSERT_TRUE(etcd_.AwaitCount("auth/authenticate", 2));
  Lead("n2");
  ASSERT_TRUE(AwaitLeader("n2"));
  EXPECT_EQ(CountOf("401"), 0u) << "an old token is no trouble";
}

TEST_F(FeedTroubleTest, AWrongPasswordIsAnErrorWithoutThePassword) {
  etcd_.AskForLogin("watcher", "right");
  options_.etcd.user = "watcher";
  options_.etcd.password = "hunter2";
  options_.etcd.password_without_tls = true;
  Start();
  ASSERT_TRUE(AwaitState([](const State& state) { return !state.last_error.ok(); }));
  EXPECT_THAT(std::string(StateNow().last_error.message()),
              ::testing::AllOf(HasSubstr("authentication failed"), Not(HasSubstr("hunter2"))));
  EXPECT_EQ(CountOf("hunter2"), 0u);
  EXPECT_EQ(etcd_.CountOf("kv/range"), 0);
}

TEST_F(FeedTroubleTest, AnEtcdThatAsksForALoginRefusesThoseWithout) {
  etcd_.AskForLogin("watcher", "right");
  Start();
  ASSERT_TRUE(AwaitLine("HTTP status 401: etcdserver: invalid auth token"));
}

// ---- The end ------------------------------------------------------------------------------------

TEST_F(FeedTroubleTest, StopsWhateverIsUnderWay) {
  for (const char* const path : {"kv/range", "watch", "auth/authenticate"}) {
    FakeEtcd silent;
    silent.SetSilent(path, true);
    options_.etcd.endpoints = {silent.url()};
    options_.etcd.user = std::string(path) == "auth/authenticate" ? "watcher" : "";
    options_.etcd.password_without_tls = true;
    Start();
    ASSERT_TRUE(silent.AwaitCount(path, 1));
    feed_->Stop();
    feed_.reset();
  }
}

}  // namespace
}  // namespace failover::test

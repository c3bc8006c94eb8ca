// Sessions that are looked into between two requests, because their texts do not tell what they
// have.
#include "proxy/postgres/session/look.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "proxy/postgres/protocol/message.h"
#include "proxy_in_test.h"
#include "scripted_backend.h"
#include "session_script.h"

namespace postgres_proxy::test {
namespace {

const std::string kLook = "CPBECS S" + std::string(kLookStatement);

std::string Closed() { return Message(backend::kCloseComplete, {}); }

// The answer to a look: four letters.
Answer Finds(std::string_view letters) {
  return {Closed() + ParseComplete() + BindComplete() + Row(letters) +
          Message(backend::kCommandComplete, std::string("SELECT 1") + '\0') + Closed() +
          Ready('I')};
}

ProxySettings LooksOften() {
  ProxySettings settings;
  settings.look_interval = absl::Milliseconds(1);
  return settings;
}

// A client of a proxy with one backend.
struct OneBackend {
  explicit OneBackend(const ScriptedBackend::Script& script)
      : backend(script), proxy({&backend}, LooksOften()), client(LogIn(proxy)) {}

  static TestClient LogIn(ProxyInTest& proxy) {
    proxy.ReportPrimary(0, 1);
    return TestClient::LogIn(proxy.port());
  }

  ScriptedBackend backend;
  ProxyInTest proxy;
  TestClient client;
};

TEST(LookTest, ALockThatAFunctionTookIsLostWithAnError) {
  ScriptedBackend old(WorksUnless(kLook, Finds("ftff")));
  ScriptedBackend fresh(Works);
  ProxyInTest proxy({&old, &fresh}, LooksOften());
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Ask("SELECT f()");
  old.Await(kLook);
  // This request is sent behind the answer to the look.
  client.Ask("SELECT 1");
  old.CloseConnections();
  proxy.ReportPrimary(1, 2);
  EXPECT_EQ(client.Ask("SELECT 1"), "E 08006 Z I ");
  EXPECT_NE(client.error().find("its advisory locks"), std::string::npos) << client.error();
  EXPECT_EQ(client.Ask("SELECT 1"), "T D C SELECT 1 Z I ");
}

TEST(LookTest, WhatWasGivenBackIsNotLost) {
  ScriptedBackend old(WorksUnless(kLook, Finds("ffff")));
  ScriptedBackend fresh(Works);
  ProxyInTest proxy({&old, &fresh}, LooksOften());
  proxy.ReportPrimary(0, 1);
  TestClient client = TestClient::LogIn(proxy.port());
  client.Ask("SELECT pg_advisory_lock(1)");
  old.Await(kLook, 1);
  client.Ask("CREATE TEMP TABLE t (a int)");
  old.Await(kLook, 2);
  client.Ask("SELECT 1");
  old.CloseConnections();
  proxy.ReportPrimary(1, 2);
  EXPECT_EQ(client.Ask("SELECT 1"), "T D C SELECT 1 Z I ");
}

TEST(LookTest, ComesOnlyBehindAnUnknownFunctionAndOutsideTransactions) {
  OneBackend one(WorksUnless(kLook, Finds("ffff")));
  one.client.Ask("SELECT count(*) FROM t");
  one.client.Ask("BEGIN");
  one.client.Ask("IN TRANSACTION");
  one.client.Ask("COMMIT");
  one.backend.Await(kLook);
  const std::vector<std::string> expected = {"Q SELECT count(*) FROM t", "Q BEGIN",
                                             "Q IN TRANSACTION", "Q COMMIT", kLook};
  EXPECT_EQ(one.backend.requests(), expected);
}

TEST(LookTest, ALookThatFailedIsRepeated) {
  OneBackend one(WorksUnless(
      kLook, {Error("ERROR", "57014", "canceling statement due to user request") + Ready('I')}));
  one.client.Ask("SELECT f()");
  one.backend.Await(kLook, 3);
  EXPECT_EQ(one.client.Ask("SELECT 1"), "T D C SELECT 1 Z I ");
}

TEST(LookTest, AnAnswerThatMakesNoSenseIsNoLook) {
  OneBackend one(WorksUnless(kLook, Finds("maybe")));
  one.client.Ask("SELECT f()");
  one.backend.Await(kLook, 3);
  EXPECT_EQ(one.client.Ask("SELECT 1"), "T D C SELECT 1 Z I ");
}

TEST(LookTest, AConnectionThatEndsInALookIsReplaced) {
  OneBackend one(WorksUnless(kLook, {Fatal(), true}));
  one.client.Ask("SELECT f()");
  one.backend.Await(kLook);
  EXPECT_EQ(one.client.Ask("SELECT 1"), "T D C SELECT 1 Z I ");
  one.backend.AwaitLogins(2);
}

TEST(LookTest, ASessionThatListensLearnsThatItsConnectionEndedInALook) {
  OneBackend one(WorksUnless(kLook, {Fatal(), true}));
  one.client.Ask("LISTEN c");
  EXPECT_EQ(one.client.Receive(), "E 57P01 end ");
}

// What the backend says of its own accord in the middle of a look belongs to the client.
TEST(LookTest, NotificationsPassThroughALook) {
  std::string body;
  PutU32(7, body);
  PutText("c", body);
  PutText("news", body);
  const std::string notification = Message(backend::kNotification, body);
  auto told = std::make_shared<std::atomic<bool>>(false);
  OneBackend one([=](const std::string& request) {
    if (request != kLook) return Works(request);
    Answer answer = Finds("fftf");
    if (!told->exchange(true)) answer.bytes = notification + answer.bytes;
    return answer;
  });
  one.client.Ask("LISTEN c");
  EXPECT_EQ(one.client.ReceiveTo(backend::kNotification), "A ");
  EXPECT_EQ(one.client.Ask("SELECT 1"), "T D C SELECT 1 Z I ");
}

TEST(LookTest, OnlyFourLettersAreAnAnswer) {
  const auto row = [](std::string_view letters) {
    std::string body;
    PutU16(1, body);
    PutU32(static_cast<std::uint32_t>(letters.size()), body);
    return body.append(letters);
  };
  const std::optional<Leftovers> found = LeftoversIn(row("tftf"));
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->temporary);
  EXPECT_FALSE(found->advisory_lock);
  EXPECT_TRUE(found->listens);
  EXPECT_FALSE(found->held_cursor);
  for (const std::string& wrong : {std::string(), row(""), row("ttt"), row("ttttt"), row("tfx "),
                                   row("tftf") + "t", row("tftf").substr(0, 8)}) {
    EXPECT_FALSE(LeftoversIn(wrong).has_value());
  }
}

}  // namespace
}  // namespace postgres_proxy::test

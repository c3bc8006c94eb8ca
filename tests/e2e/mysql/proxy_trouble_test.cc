// Failovers that do not go well: what clients are told, and when.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "proxy_test.h"
#include "support/child_process.h"

namespace mysql_proxy {

using failover::test::Await;
namespace {

using testing::HasSubstr;

using Clients = std::vector<std::unique_ptr<ProxyClient>>;

class TroubleTest : public ProxyTest {
 protected:
  Clients Connect(int count) {
    Clients clients;
    for (int i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<ProxyClient>(port()));
      EXPECT_EQ(clients.back()->error().number, 0u) << clients.back()->error().text;
    }
    return clients;
  }

  static std::string InsertOf(std::size_t i) {
    return "INSERT INTO t VALUES (" + std::to_string(i) + ")";
  }

  // Each client inserts its number.
  static void SendInserts(Clients& clients) {
    for (std::size_t i = 0; i < clients.size(); ++i) clients[i]->Send(InsertOf(i));
  }

  // Until so many requests were held since the proxy started, those that are gone included.
  void AwaitBuffered(int requests) {
    EXPECT_TRUE(Await([&] { return proxy().State("buffered") == std::to_string(requests); }))
        << proxy().Output();
  }
};

TEST_F(TroubleTest, AFailoverThatOutlastsTheWindowIsAnErrorInTime) {
  // The failover may take an hour, so an answer at all is an answer in time.
  StartProxy({"--buffer-window=1s"});
  Clients clients = Connect(4);
  SetReadOnly(0, true);
  SendInserts(clients);
  for (auto& client : clients) {
    EXPECT_EQ(client->Receive().number, 1290u) << client->error().text;
  }
  EXPECT_EQ(proxy().State("WindowExceeded"), "4");
  // The failover is still under way. Statements that come now are held, and succeed at its end. On
  // a busy machine the window may be over before that; a client that is told so comes again.
  SendInserts(clients);
  AwaitBuffered(8);
  SetReadOnly(1, false);
  AwaitPrimary(1);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (clients[i]->Receive().number == 1290) clients[i]->Run(InsertOf(i));
    EXPECT_EQ(clients[i]->error().number, 0u) << clients[i]->error().text;
  }
  EXPECT_EQ(AskServer(1, "SELECT COUNT(*) FROM d.t"), "4");
  EXPECT_EQ(AskServer(0, "SELECT COUNT(*) FROM d.t"), "0");
}

TEST_F(TroubleTest, AFailoverThatNeverEndsFailsFastAfterTheLongest) {
  StartProxy({"--buffer-window=1s", "--buffer-max-failover-duration=1s"});
  Clients clients = Connect(2);
  SetReadOnly(0, true);
  SendInserts(clients);
  for (auto& client : clients) EXPECT_EQ(client->Receive().number, 1290u);
  const std::string buffered = proxy().State("buffered");
  for (int round = 0; round < 3; ++round) {
    SendInserts(clients);
    for (auto& client : clients) EXPECT_EQ(client->Receive().number, 1290u);
  }
  EXPECT_EQ(proxy().State("buffered"), buffered) << "nothing is held any more";
  EXPECT_EQ(proxy().State("MaxDurationExceeded"), "1");
  SetReadOnly(1, false);
  AwaitPrimary(1);
  SendInserts(clients);
  for (auto& client : clients) EXPECT_EQ(client->Receive().number, 0u) << client->error().text;
}

// The other server stays read-only. The hold of the first client ends by its time, and the others,
// whose windows end later, are drained to a server that is gone.
TEST_F(TroubleTest, BugLatchedDrainNeverEnds_EachClientGetsItsErrorAfterAFewRetries) {
  StartProxy({"--buffer-window=2s", "--buffer-max-failover-duration=2s"});
  Clients first = Connect(1);
  Clients clients = Connect(8);
  server(0).Kill();
  SendInserts(first);
  AwaitHeld(1);
  SendInserts(clients);
  for (auto& client : clients) EXPECT_NE(client->Receive().number, 0u);
  EXPECT_NE(first[0]->Receive().number, 0u);
  EXPECT_EQ(proxy().State("MaxDurationExceeded"), "1");
  EXPECT_LE(std::stoi(proxy().State("drained")), 50) << proxy().Output();
  EXPECT_TRUE(Await([this] {
    return proxy().Output().find("drain finished") != std::string::npos;
  })) << proxy().Output();
  ASSERT_TRUE(server(0).Restart());
}

// A proxy that knows no primary yet must not take this for a failover.
TEST_F(TroubleTest, AProxyThatHasJustStartedHoldsNobody) {
  StartProxy();
  Clients clients = Connect(1);
  EXPECT_EQ(proxy().State("failovers"), "0");
  SetReadOnly(0, true);
  SendInserts(clients);
  AwaitHeld(1);
  SetReadOnly(1, false);
  EXPECT_EQ(clients[0]->Receive().number, 0u) << clients[0]->error().text;
}

TEST_F(TroubleTest, ABufferThatIsTooSmallKeepsTheYoungest) {
  StartProxy({"--buffer-size=2"});
  Clients clients = Connect(5);
  SetReadOnly(0, true);
  SendInserts(clients);
  AwaitBuffered(5);
  AwaitHeld(2);
  // A client whose statement is evicted is told at once, not at the end of the failover.
  const auto evicted = [&clients] {
    return std::partition(clients.begin(), clients.end(),
                          [](auto& client) { return client->HasNews(); });
  };
  ASSERT_TRUE(Await([&] { return evicted() - clients.begin() == 3; }));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(clients[i]->Receive().number, 3168u) << clients[i]->error().text;
    EXPECT_THAT(clients[i]->error().text, HasSubstr("not executed: Evicted"));
  }
  SetReadOnly(1, false);
  for (std::size_t i = 3; i < clients.size(); ++i) {
    EXPECT_EQ(clients[i]->Receive().number, 0u) << clients[i]->error().text;
  }
  SendInserts(clients);
  for (auto& client : clients) client->Receive();
  EXPECT_EQ(AskServer(1, "SELECT COUNT(*) FROM d.t"), "5") << "the session goes on";
}

// The failover ends without another primary.
TEST_F(TroubleTest, ThePrimaryMayComeBack) {
  StartProxy();
  Clients clients = Connect(4);
  SetReadOnly(0, true);
  SendInserts(clients);
  AwaitHeld(4);
  AwaitNoPrimary();
  SetReadOnly(0, false);
  for (auto& client : clients) EXPECT_EQ(client->Receive().number, 0u) << client->error().text;
  EXPECT_EQ(AskServer(0, "SELECT COUNT(*) FROM d.t"), "4");
}

TEST_F(TroubleTest, AClientThatLeavesGivesUpItsPlaceAtOnce) {
  StartProxy();
  Clients clients = Connect(3);
  SetReadOnly(0, true);
  SendInserts(clients);
  AwaitHeld(3);
  // The first client to leave sends COM_QUIT behind its statement. The second one just closes its
  // connection.
  clients.pop_back();
  AwaitHeld(2);
  shutdown(static_cast<int>(mysql_get_socket(clients.back()->handle())), SHUT_RDWR);
  AwaitHeld(1);
  EXPECT_EQ(proxy().State("ContextDone"), "2");
  EXPECT_EQ(proxy().State("free"), "999");
  SetReadOnly(1, false);
  EXPECT_EQ(clients[0]->Receive().number, 0u) << clients[0]->error().text;
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "0");
}

TEST_F(TroubleTest, ClientsThatComeDuringAFailoverWaitWithTheirLogin) {
  StartProxy({"--poll-timeout=500ms"});
  Clients clients = Connect(1);
  server(0).Signal(SIGSTOP);
  AwaitNoPrimary();
  std::thread late([this] {
    ProxyClient client(port());
    EXPECT_EQ(client.error().number, 0u) << client.error().text;
    EXPECT_EQ(client.Ask("SELECT @@server_id"), "2");
  });
  AwaitHeld(1);
  SetReadOnly(1, false);
  late.join();
  EXPECT_EQ(proxy().State("retries_succeeded"), "1");
  server(0).Signal(SIGCONT);
}

// Statements that were sent get no answer. The others wait for the new primary.
TEST_F(TroubleTest, AHangingPrimaryIsGivenUp) {
  StartProxy({"--poll-timeout=500ms", "--silence-limit=1s"});
  Clients sent = Connect(3);
  Clients waiting = Connect(3);
  server(0).Signal(SIGSTOP);
  SendInserts(sent);
  AwaitNoPrimary();
  for (auto& client : waiting) client->Send("INSERT INTO t VALUES (100 + CONNECTION_ID())");
  AwaitHeld(3);
  for (auto& client : sent) {
    EXPECT_EQ(client->Receive().number, 1158u) << client->error().text;
    EXPECT_EQ(client->error().sqlstate, "08007");
    EXPECT_THAT(client->error().text, HasSubstr("unknown whether"));
  }
  SetReadOnly(1, false);
  for (auto& client : waiting) EXPECT_EQ(client->Receive().number, 0u) << client->error().text;
  for (auto& client : sent) {
    EXPECT_EQ(client->Ask("SELECT @@server_id"), "2") << client->error().text;
  }
  server(0).Signal(SIGCONT);
}

TEST_F(TroubleTest, AHangThatPassesIsNoError) {
  StartProxy({"--poll-timeout=300ms"});
  Clients clients = Connect(3);
  server(0).Signal(SIGSTOP);
  SendInserts(clients);
  AwaitNoPrimary();
  server(0).Signal(SIGCONT);
  for (auto& client : clients) EXPECT_EQ(client->Receive().number, 0u) << client->error().text;
  EXPECT_EQ(AskServer(0, "SELECT COUNT(*) FROM d.t"), "3");
}

TEST_F(TroubleTest, ACrashIsAnErrorForWhatWasSentOnly) {
  StartProxy();
  Clients idle = Connect(3);
  Clients in_transaction = Connect(1);
  Clients sent = Connect(2);
  in_transaction[0]->Run("BEGIN; INSERT INTO t VALUES (50)");
  for (auto& client : sent) client->Send("SELECT SLEEP(600)");
  ASSERT_TRUE(Await([] {
    return AskServer(0,
                     "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE "
                     "'SELECT SLEEP%'") == "2";
  }));
  server(0).Kill();
  for (auto& client : sent) EXPECT_EQ(client->Receive().number, 1158u) << client->error().text;
  EXPECT_EQ(in_transaction[0]->Run("COMMIT").number, 1213u) << "certainly rolled back";
  SendInserts(idle);
  AwaitHeld(3);
  SetReadOnly(1, false);
  for (auto& client : idle) EXPECT_EQ(client->Receive().number, 0u) << client->error().text;
  for (auto& client : sent) EXPECT_EQ(client->Ask("SELECT 1"), "1");
  EXPECT_EQ(in_transaction[0]->Ask("SELECT COUNT(*) FROM t"), "3");
  ASSERT_TRUE(server(0).Restart());
}

// The row that was written under the table lock remains. So a client that believed in a rollback
// would insert the row twice.
TEST_F(TroubleTest, WhatWasWrittenUnderATableLockIsNotCalledRolledBack) {
  StartProxy();
  ProxyClient client(port());
  const auto write_and_lose = [&client](const auto& lose) {
    client.Run("LOCK TABLES t WRITE");
    EXPECT_EQ(client.Run("INSERT INTO t VALUES (1)").number, 0u) << client.error().text;
    lose();
    EXPECT_EQ(client.Run("INSERT INTO t VALUES (2)").number, 3168u) << client.error().text;
    EXPECT_THAT(client.error().text, HasSubstr("lost its table locks"));
  };
  // At first only the connection is lost, so that the test can look at the row. These servers lose
  // their rows in a crash.
  const std::string connection = client.Ask("SELECT CONNECTION_ID()");
  write_and_lose([&] {
    server(0).Run("KILL " + connection);
    server(0).Root().AwaitAnswer(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE id = " + connection, "0");
  });
  EXPECT_EQ(client.Ask("SELECT GROUP_CONCAT(i) FROM t"), "1") << client.error().text;
  client.Run("DELETE FROM t");
  write_and_lose([] { server(0).Kill(); });
  SetReadOnly(1, false);
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (3)").number, 0u) << client.error().text;
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "3");
  ASSERT_TRUE(server(0).Restart());
}

// A session that is reset between two connections begins like any other.
TEST_F(TroubleTest, AResetWithoutAConnectionTurnsAutocommitOn) {
  StartProxy();
  ProxyClient client(port());
  client.Run("SET autocommit = 0");
  server(0).Kill();
  EXPECT_EQ(mysql_reset_connection(client.handle()), 0);
  client.Send("INSERT INTO t VALUES (2)");
  AwaitHeld(1);
  SetReadOnly(1, false);
  EXPECT_EQ(client.Receive().number, 0u) << client.error().text;
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "2");
  ASSERT_TRUE(server(0).Restart());
}

TEST_F(TroubleTest, AReplyThatStopsBetweenResultsEndsWithAnError) {
  StartProxy();
  ProxyClient client(port());
  const std::string sql = "SELECT 1; SELECT SLEEP(600)";
  ASSERT_EQ(mysql_real_query(client.handle(), sql.data(), sql.size()), 0);
  mysql_free_result(mysql_store_result(client.handle()));
  server(0).Kill();
  EXPECT_NE(mysql_next_result(client.handle()), 0);
  EXPECT_EQ(client.KeepError().number, 1158u) << client.error().text;
  SetReadOnly(1, false);
  EXPECT_EQ(client.Ask("SELECT @@server_id"), "2") << client.error().text;
  ASSERT_TRUE(server(0).Restart());
}

// The client would take an error packet for the rest of the row.
TEST_F(TroubleTest, AReplyThatStopsInTheMiddleOfARowEndsItsConnection) {
  StartProxy();
  ProxyClient client(port());
  ProxyClient other(port());
  // The row is longer than what all sockets between server and client take while nobody reads.
  const std::string sql = "SELECT REPEAT('x', 60000000)";
  ASSERT_EQ(mysql_real_query(client.handle(), sql.data(), sql.size()), 0);
  MYSQL_RES* const rows = mysql_use_result(client.handle());
  ASSERT_NE(rows, nullptr) << mysql_error(client.handle());
  server(0).Kill();
  EXPECT_EQ(mysql_fetch_row(rows), nullptr);
  EXPECT_EQ(client.KeepError().number, 2013u) << client.error().text;
  mysql_free_result(rows);
  SetReadOnly(1, false);
  EXPECT_EQ(other.Ask("SELECT @@server_id"), "2") << other.error().text;
  ASSERT_TRUE(server(0).Restart());
}

TEST_F(TroubleTest, AProxyThatIsRestartedInAFailoverHoldsItsClients) {
  StartProxy();
  Clients before = Connect(1);
  server(0).Kill();
  before[0]->Send("INSERT INTO t VALUES (1)");
  AwaitHeld(1);
  proxy().Kill();
  StartProxy();
  EXPECT_EQ(before[0]->Receive().number, 2013u) << before[0]->error().text;
  std::thread client_of_the_new([this] {
    ProxyClient client(port());
    EXPECT_EQ(client.Run("INSERT INTO t VALUES (2)").number, 0u) << client.error().text;
  });
  AwaitHeld(1);
  SetReadOnly(1, false);
  client_of_the_new.join();
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "2");
  ASSERT_TRUE(server(0).Restart());
}

TEST_F(TroubleTest, AProxyThatIsToEndInAFailoverServesWhomItHoldsFirst) {
  StartProxy();
  Clients clients = Connect(1);
  server(0).Kill();
  clients[0]->Send("INSERT INTO t VALUES (1)");
  AwaitHeld(1);
  proxy().Signal(SIGTERM);
  EXPECT_TRUE(Await([this] { return proxy().Output().find("are to end") != std::string::npos; }));
  SetReadOnly(1, false);
  EXPECT_EQ(clients[0]->Receive().number, 0u) << clients[0]->error().text;
  EXPECT_EQ(proxy().AwaitExit(), 0);
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "1");
  ASSERT_TRUE(server(0).Restart());
}

// The slow client gets a large reply and does not read it. The other clients must have their turn
// in the drain nevertheless.
TEST_F(TroubleTest, ASlowReaderDoesNotHoldUpTheDrain) {
  StartProxy({"--buffer-drain-concurrency=1"});
  ProxyClient slow(port());
  Clients clients = Connect(3);
  SetReadOnly(0, true);
  AwaitNoPrimary();
  slow.Send("SELECT REPEAT('x', 100000) FROM seq_1_to_1000");
  AwaitHeld(1);
  SendInserts(clients);
  AwaitHeld(4);
  SetReadOnly(1, false);
  for (auto& client : clients) EXPECT_EQ(client->Receive().number, 0u) << client->error().text;
  EXPECT_EQ(slow.Receive().number, 0u) << slow.error().text;
}

}  // namespace
}  // namespace mysql_proxy

// Drivers of several languages behind the PostgreSQL proxy. Each is used by a program of drivers/,
// and all these programs do the same.
//
// First a program uses what its driver has, and prints kAnswers: simple queries, parameters,
// prepared statements, transactions, an error outside and inside a transaction and in a batch, COPY
// in both directions, a cursor, a statement of another connection that is cancelled (a server may
// signal a cancel twice, and so cancel the next statement, too), and a large result. If it is told
// so, it then adds rows to the table `ledger` with the same connection: one at a time in each way
// that the driver has, as a batch, and in transactions, which it repeats after the SQLSTATE 40001.
// Any other error ends the program. When another server has served it for a while, it prints how
// many rows were acknowledged and how many transactions were repeated.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cluster_test.h"
#include "proxy_process.h"
#include "support/postgres_wire_client.h"

namespace postgres_proxy {
namespace {

using failover::postgres::LiveServer;
using failover::postgres::WireClient;

constexpr char kAnswers[] = R"(simple: 1
parameters: 42 it's 1
prepared: 1 2 3 4 5 6 7 8
rolled back: 0
committed: 2
duplicate: 23505
duplicate in a transaction: 23505 25P02
batch: 102
duplicate in a batch: 23505
copied: 499500
cursor: 1000 500500
cancelled: 57014
large: 20000 20000000
at the end: 1
)";

struct Driver {
  const char* name;
  std::vector<std::string> command;
};

const std::vector<Driver>& Drivers() {
  static const auto* const drivers = new std::vector<Driver>{
      {"libpq", {DRIVER_C}},
      {"psycopg2", {DRIVER_PYTHON, "-B", DRIVERS "/driver.py", "psycopg2"}},
      {"psycopg", {DRIVER_PYTHON, "-B", DRIVERS "/driver.py", "psycopg"}},
      {"asyncpg", {DRIVER_PYTHON, "-B", DRIVERS "/driver.py", "asyncpg"}},
      {"lib/pq", {DRIVER_GO, "pq"}},
      {"pgx", {DRIVER_GO, "pgx"}},
      {"JDBC", {JAVA, "-cp", JDBC_CLASS_PATH, "Driver"}},
      {"node pg",
       {"/usr/bin/env", "NODE_PACKAGES=" NODE_PACKAGES, NODE, "--no-deprecation",
        DRIVERS "/driver.mjs"}},
  };
  return *drivers;
}

// The programs log in with a password.
class DriverTest : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    if (HasFatalFailure()) return;
    primary_->Run(
        "CREATE ROLE app LOGIN PASSWORD 'secret'; CREATE TABLE item (client text, i int, s text, "
        "PRIMARY KEY (client, i)); CREATE TABLE copied (client text, i int, s text); CREATE TABLE "
        "ledger (client text, i int); GRANT ALL ON item, copied, ledger TO app");
    for (const auto& server : {primary_.get(), replica_.get()}) {
      server->WriteDataFile("pg_hba.conf",
                            "host all postgres 127.0.0.1/32 trust\n"
                            "host replication postgres 127.0.0.1/32 trust\n"
                            "host all app 127.0.0.1/32 scram-sha-256\n");
      server->Run("SELECT pg_reload_conf()");
    }
  }

  std::unique_ptr<ProxyProcess> StartProxy(std::vector<std::string> flags) const override {
    const std::vector<std::string> patient = Patient();
    flags.insert(flags.end(), patient.begin(), patient.end());
    return ProxyProcess::Start({primary_->port(), replica_->port()}, "app secret\n", flags);
  }

  // Starts the programs of all drivers at once.
  static std::vector<std::unique_ptr<Program>> Start(std::uint16_t port, const std::string& name,
                                                     const std::string& what) {
    std::vector<std::unique_ptr<Program>> programs;
    for (const Driver& driver : Drivers()) {
      std::vector<std::string> command = driver.command;
      command.insert(command.end(), {std::to_string(port), name + driver.name, what});
      programs.push_back(std::make_unique<Program>(command));
    }
    return programs;
  }

  // Starts the programs that add rows, and waits until all of them are under way.
  std::vector<std::unique_ptr<Program>> StartLoad() const {
    std::vector<std::unique_ptr<Program>> programs = Start(proxy_->port(), "", "load");
    WireClient client(primary_->port());
    const std::string all = std::to_string(Drivers().size());
    EXPECT_TRUE(client.AwaitField("SELECT count(*) FROM ledger WHERE i = 100", all));
    return programs;
  }

  // Each row that was acknowledged is there once, and there is no other row. Returns how many
  // transactions were repeated.
  int Audit(const std::vector<std::unique_ptr<Program>>& programs) const {
    WireClient client(replica_->port());
    int all_repeated = 0;
    for (std::size_t i = 0; i < programs.size(); ++i) {
      const std::string name = Drivers()[i].name;
      SCOPED_TRACE(name);
      EXPECT_EQ(programs[i]->Await(), 0) << programs[i]->Output();
      const std::string output = programs[i]->Output();
      const std::string answers = kAnswers;
      EXPECT_EQ(output.substr(0, answers.size()), answers);
      int rows = 0;
      int repeated = 0;
      const std::string end = output.substr(std::min(answers.size(), output.size()));
      EXPECT_EQ(std::sscanf(end.c_str(), "rows %d repeated %d", &rows, &repeated), 2) << end;
      all_repeated += repeated;
      const std::string number = std::to_string(rows);
      EXPECT_EQ(client
                    .Run("SELECT concat_ws(' ', count(*), count(DISTINCT i), max(i) + 1) FROM "
                         "ledger WHERE client = '" +
                         name + "'")
                    .field,
                number + " " + number + " " + number);
    }
    return all_repeated;
  }
};

TEST_F(DriverTest, AnswersAreThoseOfTheServer) {
  const auto direct = Start(primary_->port(), "direct ", "features");
  const auto through = Start(proxy_->port(), "through ", "features");
  for (std::size_t i = 0; i < Drivers().size(); ++i) {
    SCOPED_TRACE(Drivers()[i].name);
    for (Program* const program : {direct[i].get(), through[i].get()}) {
      EXPECT_EQ(program->Await(), 0);
      EXPECT_EQ(program->Output(), kAnswers);
    }
  }
}

TEST_F(DriverTest, APlannedSwitchoverCostsNothing) {
  const failover::test::TemporaryFolder folder;
  const std::string socket = folder.path() + "/admin.sock";
  proxy_ = StartProxy({"--admin-socket=" + socket});
  ASSERT_NE(proxy_, nullptr);
  const auto programs = StartLoad();
  SwitchOver(socket);
  EXPECT_EQ(Audit(programs), 0) << "transactions were repeated";
}

// Transactions that are open when the primary ends are lost, and their clients repeat them.
TEST_F(DriverTest, APromotionCostsNoStatementOutsideTransactions) {
  const auto programs = StartLoad();
  Promote();
  Audit(programs);
}

}  // namespace
}  // namespace postgres_proxy

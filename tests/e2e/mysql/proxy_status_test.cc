// The status page of the proxy, and a real Prometheus that scrapes it through a failover.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "proxy_test.h"
#include "support/child_process.h"
#include "support/http_client.h"
#include "support/reserved_port.h"

namespace mysql_proxy {

using failover::test::Await;
using failover::test::BodyOf;
using failover::test::Exchange;
using failover::test::RequestOf;

namespace {

using testing::HasSubstr;
using testing::StartsWith;

class StatusTest : public ProxyTest {
 protected:
  void StartWithPage() {
    StartProxy({"--status-listen=0"});
    const std::string before = "status page at http://127.0.0.1:";
    const std::string log = proxy().Output();
    const std::size_t at = log.find(before);
    ASSERT_NE(at, std::string::npos) << log;
    status_port_ = static_cast<std::uint16_t>(std::atoi(log.c_str() + at + before.size()));
  }
  std::string Get(const std::string& path) {
    return Exchange(status_port_, RequestOf("GET", path));
  }

  std::uint16_t status_port_ = 0;
};

TEST_F(StatusTest, MetricsAndHealth) {
  StartWithPage();
  AwaitPrimary(0);
  EXPECT_EQ(BodyOf(Get("/healthz")), "ok\n");
  const ProxyClient client(port());
  const std::string metrics = BodyOf(Get("/metrics"));
  EXPECT_THAT(metrics, HasSubstr("\nfailover_proxy_clients 1\n"));
  EXPECT_THAT(metrics, HasSubstr("failover_proxy_backend_is_primary{backend=\"127.0.0.1:" +
                                 std::to_string(server(0).port()) + "\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("failover_buffer_slots 1000\n"));
  EXPECT_THAT(Get("/"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(BodyOf(Get("/status.json")), StartsWith("{\"clients\":1,"));
  EXPECT_THAT(Get("/nothing"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(StatusTest, AProxyThatDrainsSaysSo) {
  StartWithPage();
  AwaitPrimary(0);
  ProxyClient client(port());
  EXPECT_EQ(client.Run("BEGIN").number, 0u);
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (1)").number, 0u);
  proxy().Signal(SIGTERM);
  EXPECT_TRUE(Await([this] { return BodyOf(Get("/healthz")) == "draining\n"; }));
  EXPECT_EQ(client.Run("COMMIT").number, 0u) << client.error().text;
  EXPECT_EQ(proxy().AwaitExit(), 0) << proxy().Output();
}

TEST_F(StatusTest, OtherMachinesMustBeAllowed) {
  std::string output;
  EXPECT_EQ(ProxyProcess::Run({"--servers=127.0.0.1:1", "--status-listen=0.0.0.0:0"}, &output), 2);
  EXPECT_THAT(output, HasSubstr("--status_listen: 0.0.0.0 is not a loopback address"));
  EXPECT_EQ(ProxyProcess::Run({"--servers=127.0.0.1:1", "--status-listen=[:0"}, &output), 2);
  EXPECT_THAT(output, HasSubstr("--status_listen: "));
  StartProxy({"--status-listen=0.0.0.0:0", "--status-remote"});
  EXPECT_THAT(proxy().Output(), HasSubstr("status page at http://0.0.0.0:"));
}

#ifdef PROMETHEUS

// Bytes of a query that a URL must not contain are written as %NN.
std::string Encoded(const std::string& text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    encoded += {'%', kDigits[byte / 16], kDigits[byte % 16]};
  }
  return encoded;
}

class PrometheusTest : public StatusTest {
 protected:
  void SetUp() override {
    StatusTest::SetUp();
    StartWithPage();
  }
  void TearDown() override {
    if (prometheus_ > 0) failover::test::KillAndWait(prometheus_);
  }

  void StartPrometheus() {
    std::ofstream(folder_.path() + "/prometheus.yml")
        << "global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}\n"
        << "rule_files: ['" << MONITORING << "/alerts.yml']\n"
        << "scrape_configs:\n"
        << "  - job_name: failover\n"
        << "    static_configs: [{targets: ['127.0.0.1:" << status_port_ << "']}]\n";
    prometheus_ =
        failover::test::Launch({PROMETHEUS, "--config.file=" + folder_.path() + "/prometheus.yml",
                                "--storage.tsdb.path=" + folder_.path() + "/data",
                                "--web.listen-address=127.0.0.1:" + std::to_string(web_.port())},
                               log_path());
    AwaitQuery("up{job=\"failover\"} == 1");
  }

  // Waits until a query has a result.
  void AwaitQuery(const std::string& query) {
    EXPECT_TRUE(Await([&] {
      const std::string answer =
          BodyOf(Exchange(web_.port(), RequestOf("GET", "/api/v1/query?query=" + Encoded(query))));
      return answer.find("\"value\":[") != std::string::npos;
    })) << query
        << "\n"
        << Log();
  }

  // Runs what the dashboard and the alert rules ask. Returns what is wrong, or nothing.
  std::string WrongQueries() {
    const std::string output = folder_.path() + "/queries";
    const std::string command = std::string("python3 -B " CHECK_DASHBOARD " --dashboard " MONITORING
                                            "/dashboard.json --prometheus http://127.0.0.1:") +
                                std::to_string(web_.port()) + " >" + output + " 2>&1";
    const int status = std::system(command.c_str());
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "" : Read(output);
  }

 private:
  static std::string Read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string log_path() const { return folder_.path() + "/log"; }
  std::string Log() const { return Read(log_path()); }

  const failover::test::TemporaryFolder folder_;
  const failover::test::ReservedPort web_;
  pid_t prometheus_ = -1;
};

TEST_F(PrometheusTest, SeesAFailoverAndAnswersTheDashboard) {
  AwaitPrimary(0);
  StartPrometheus();
  EXPECT_NE(WrongQueries(), "") << "there was no failover yet, so some queries have no answer";
  AwaitQuery("failover_starts_total == 0");
  ProxyClient client(port());
  SetReadOnly(0, true);
  client.Send("INSERT INTO t VALUES (1)");
  AwaitHeld(1);
  AwaitQuery("failover_requests_held == 1");
  AwaitQuery("failover_shard_state{state=\"Buffering\"} == 1");
  AwaitQuery("failover_oldest_request_held_seconds > 0.2");
  SetReadOnly(1, false);
  EXPECT_EQ(client.Receive().number, 0u) << client.error().text;
  AwaitQuery("failover_stops_total{reason=\"NewPrimarySeen\"} == 1");
  AwaitQuery("failover_requests_held == 0");
  AwaitQuery("failover_shard_state{state=\"Idle\"} == 1");
  AwaitQuery("failover_request_held_seconds_count{way=\"Drained\"} == 1");
  AwaitQuery("failover_request_held_seconds_sum{way=\"Drained\"} > 0.2");
  AwaitQuery("failover_proxy_backend_is_primary{backend=\"127.0.0.1:" +
             std::to_string(server(1).port()) + "\"} == 1");
  AwaitQuery("failover_size_needed >= 1");
  AwaitQuery("increase(failover_starts_total[1h]) > 0");
  AwaitQuery("histogram_quantile(0.99, increase(failover_duration_seconds_bucket[1h])) > 0");
  std::string wrong;
  EXPECT_TRUE(Await([&] {
    wrong = WrongQueries();
    return wrong.empty();
  })) << wrong;
}

#endif

}  // namespace
}  // namespace mysql_proxy

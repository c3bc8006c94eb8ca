// What the status page of a proxy says.
#include "proxy/core/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "failover/buffer.h"
#include "failover/watch/server_view.h"
#include "proxy/core/listener.h"
#include "toy_protocol.h"

namespace proxy::test {
namespace {

using failover::watch::ServerState;
using failover::watch::ServerView;
using testing::HasSubstr;
using testing::Not;

class StatusPageTest : public testing::Test {
 protected:
  StatusPageTest() {
    options_.max_connections = 7;
    options_.backends = {{"127.0.0.1", 3306}, {"127.0.0.1", 3307}};
    failover::BufferOptions buffer_options;
    buffer_options.threading = failover::Threading::kManual;
    buffer_options.on_transition = [this](const failover::Transition& transition) {
      history_.Note(transition);
    };
    buffer_ = failover::Buffer::Create(std::move(buffer_options)).value();
    router_ = std::make_unique<Router>(options_.backends, *buffer_);
    context_ = std::make_unique<Context>(
        Context{options_, *router_, *buffer_, buffer_->GetShard("main", "0")});
    protocol_ = std::make_unique<ToyProtocol>(*context_);
    listener_ = std::make_unique<Listener>(*context_, *protocol_, io_);
    sources_.emplace(
        StatusSources{*context_, *listener_, history_, [this] { return backend_views_; }});
  }

  HttpPage Page(std::string_view path) { return StatusPage(*sources_, path); }

  void ReportPrimary(std::size_t backend, bool serving = true) {
    failover::TabletStats stats;
    stats.alias = Router::AliasOf(backend);
    stats.target = {"main", "0", failover::TabletType::kPrimary};
    stats.up = true;
    stats.serving = serving;
    stats.tablet_externally_reparented_timestamp = 1;
    router_->StatsUpdate(stats);
  }

  Options options_;
  FailoverHistory history_;
  std::unique_ptr<failover::Buffer> buffer_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<Context> context_;
  std::unique_ptr<ToyProtocol> protocol_;
  asio::io_context io_{1};
  std::unique_ptr<Listener> listener_;
  std::vector<ServerView> backend_views_;
  std::optional<StatusSources> sources_;
};

TEST_F(StatusPageTest, MetricsHasThoseOfTheBufferAndOfTheProxy) {
  ReportPrimary(1);
  const HttpPage page = Page("/metrics");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("failover_requests_held{keyspace=\"main\",shard=\"0\"} 0\n"));
  EXPECT_THAT(page.body, HasSubstr("\nfailover_proxy_clients 0\n"));
  EXPECT_THAT(page.body, HasSubstr("\nfailover_proxy_clients_limit 7\n"));
  EXPECT_THAT(page.body,
              HasSubstr("failover_proxy_backend_is_primary{backend=\"127.0.0.1:3306\"} 0\n"));
  EXPECT_THAT(page.body,
              HasSubstr("failover_proxy_backend_is_primary{backend=\"127.0.0.1:3307\"} 1\n"));
}

ServerView View(std::size_t backend, ServerState state, std::string reason,
                std::optional<absl::Time> answered_at) {
  return {
      "main",     "0", Router::AliasOf(backend), "name-of-the-monitor:1", state, std::move(reason),
      answered_at};
}

TEST_F(StatusPageTest, MetricsTellWhatTheMonitorSees) {
  backend_views_ = {
      View(1, ServerState::kRefused, "4151 \"locked\"", std::nullopt),
      View(0, ServerState::kUnreachable, "it is gone", buffer_->Now() - absl::Hours(1)),
      View(7, ServerState::kPrimary, "no such backend", std::nullopt)};
  const std::string body = Page("/metrics").body;
  EXPECT_THAT(body, HasSubstr("failover_proxy_backend_state{backend=\"127.0.0.1:3306\","
                              "state=\"Unreachable\"} 1\n"));
  EXPECT_THAT(body, HasSubstr("failover_proxy_backend_state{backend=\"127.0.0.1:3306\","
                              "state=\"Refused\"} 0\n"));
  EXPECT_THAT(body, HasSubstr("failover_proxy_backend_state{backend=\"127.0.0.1:3307\","
                              "state=\"Refused\"} 1\n"));
  const std::string age = "failover_proxy_backend_last_answer_age_seconds{backend=\"127.0.0.1:330";
  EXPECT_THAT(body, HasSubstr(age + "6\"} 3600"));
  EXPECT_THAT(body, Not(HasSubstr(age + "7"))) << "it never answered";
  EXPECT_THAT(body, Not(HasSubstr("locked"))) << "what a server says is no label";
}

TEST_F(StatusPageTest, BackendThatNobodyKnowsIsNotChecked) {
  EXPECT_THAT(Page("/metrics").body,
              HasSubstr("failover_proxy_backend_state{backend=\"127.0.0.1:3307\","
                        "state=\"NotChecked\"} 1\n"));
  sources_->backends = nullptr;
  EXPECT_THAT(Page("/status.json").body,
              HasSubstr("\"backends\":[{\"address\":\"127.0.0.1:3306\",\"state\":\"NotChecked\","
                        "\"last_answer_age_seconds\":null,\"reason\":\"\"},"));
}

TEST_F(StatusPageTest, TheJsonTellsWhatTheMonitorSees) {
  backend_views_ = {View(0, ServerState::kContender, "<b>\"two\"\n", std::nullopt)};
  EXPECT_THAT(Page("/status.json").body,
              HasSubstr("\"state\":\"Contender\",\"last_answer_age_seconds\":null,"
                        "\"reason\":\"<b>\\\"two\\\"\\u000a\"}"));
}

TEST_F(StatusPageTest, BugDeadPrimary_IsNotShownAsThePrimary) {
  ReportPrimary(0);
  ReportPrimary(0, false);
  EXPECT_THAT(Page("/status.json").body,
              HasSubstr("\"primary\":\"\",\"last_primary\":\"127.0.0.1:3306\","));
  EXPECT_THAT(Page("/metrics").body,
              HasSubstr("failover_proxy_backend_is_primary{backend=\"127.0.0.1:3306\"} 0\n"));
  ReportPrimary(1);
  EXPECT_THAT(Page("/status.json").body,
              HasSubstr("\"primary\":\"127.0.0.1:3307\",\"last_primary\":\"127.0.0.1:3307\","));
}

TEST_F(StatusPageTest, TheJsonTellsTheWindowAndWhoGaveUpOrPassed) {
  const std::string idle = Page("/status.json").body;
  EXPECT_THAT(idle,
              HasSubstr("\"window_seconds\":10.000,\"max_failover_duration_seconds\":20.000,"));
  EXPECT_THAT(idle, HasSubstr("\"evicted\":{},\"skipped\":{},\"overdue\":0,"));
  ReportPrimary(0);
  EXPECT_TRUE(buffer_->StartBuffering(context_->shard, "a test"));
  EXPECT_TRUE(buffer_->StopBuffering(context_->shard));
  buffer_->NoteRefused(context_->shard, "the server is read-only");
  EXPECT_THAT(Page("/status.json").body, HasSubstr("\"skipped\":{\"LastFailoverTooRecent\":1}"));
}

TEST_F(StatusPageTest, TheJsonTellsOfFailedRetries) {
  const absl::Status refusal = failover::MarkCausedByFailover(absl::UnavailableError("read-only"));
  ReportPrimary(0);
  ReportPrimary(0, false);
  failover::RequestContext request;
  request.may_probe = true;
  std::optional<failover::RetryDoneFunc> retry;
  const auto hold = [&](failover::LastAttempt last) {
    return buffer_->WaitForFailoverEndAsync(
        request, context_->shard, std::move(last),
        [&retry](absl::StatusOr<failover::RetryDoneFunc> done) { retry = *std::move(done); });
  };
  const absl::StatusOr<failover::BufferedRequest> first = hold(refusal);
  EXPECT_TRUE(buffer_->StopBuffering(context_->shard));
  buffer_->Poll();
  ASSERT_TRUE(retry.has_value());
  const absl::StatusOr<failover::BufferedRequest> again =
      hold(failover::LastAttempt(refusal).After(*std::exchange(retry, std::nullopt)));
  EXPECT_THAT(Page("/status.json").body,
              HasSubstr("\"overdue\":0,\"retries_failed\":1,\"held_again\":1,\"slipped_past\":0,"));
}

TEST_F(StatusPageTest, TheJsonTellsForHowLongTheProxyHasRun) {
  sources_->started = buffer_->Now() - absl::Hours(3);
  EXPECT_THAT(Page("/status.json").body, HasSubstr("\"uptime_seconds\":10800."));
}

TEST_F(StatusPageTest, HealthFollowsTheLife) {
  EXPECT_EQ(Page("/healthz").body, "starting\n");
  EXPECT_EQ(Page("/healthz").status, 503);
  ReportPrimary(0);
  EXPECT_EQ(Page("/healthz").body, "ok\n");
  EXPECT_EQ(Page("/healthz").status, 200);
  EXPECT_TRUE(buffer_->StartBuffering(context_->shard, "a test"));
  EXPECT_EQ(Page("/healthz").status, 200) << "a failover is no reason to send clients away";
  backend_views_ = {View(0, ServerState::kRefused, "4151", std::nullopt)};
  EXPECT_EQ(Page("/healthz").status, 200) << "nor is a blind monitor: another proxy is blind, too";
  EXPECT_THAT(Page("/metrics").body, HasSubstr("\nfailover_proxy_draining 0\n"));
  asio::co_spawn(io_.get_executor(), listener_->Drain(absl::ZeroDuration()),
                 [this](const std::exception_ptr&) { io_.stop(); });
  io_.run();
  EXPECT_EQ(Page("/healthz").body, "draining\n");
  EXPECT_EQ(Page("/healthz").status, 503);
  EXPECT_THAT(Page("/metrics").body, HasSubstr("\nfailover_proxy_draining 1\n"));
}

TEST_F(StatusPageTest, TheJsonTellsTheStateAndTheLastFailovers) {
  ReportPrimary(0);
  EXPECT_THAT(Page("/status.json").body, HasSubstr("\"state\":\"Idle\",\"held\":0,"));
  EXPECT_THAT(Page("/status.json").body, HasSubstr("\"last_failovers\":[]}"));
  buffer_->GetShard("a\"\\b", "\x01");
  EXPECT_TRUE(buffer_->StartBuffering(context_->shard, "a test"));
  const std::string begun = Page("/status.json").body;
  EXPECT_THAT(begun, HasSubstr("\"primary\":\"127.0.0.1:3306\","));
  EXPECT_THAT(begun, HasSubstr("\"slots\":1000,"));
  EXPECT_THAT(begun, HasSubstr("\"state\":\"Buffering\""));
  EXPECT_THAT(begun, HasSubstr("\"budget_left_seconds\":"));
  EXPECT_THAT(begun, HasSubstr("\"released_seconds_ago\":null,\"ended_seconds_ago\":null,"
                               "\"cause\":\"it was told to start\",\"end\":\"\""));
  EXPECT_THAT(begun, HasSubstr("{\"keyspace\":\"a\\\"\\\\b\",\"shard\":\"\\u0001\","));
  EXPECT_TRUE(buffer_->StopBuffering(context_->shard));
  EXPECT_THAT(Page("/status.json").body, HasSubstr("\"end\":\"Manual\""));
  EXPECT_EQ(Page("/status.json").content_type, "application/json");
}

TEST_F(StatusPageTest, EachEventIsTheJsonOnOneLine) {
  const HttpPage page = Page("/events");
  EXPECT_EQ(page.content_type, "text/event-stream");
  ASSERT_TRUE(page.next_part);
  const std::string event = page.next_part();
  EXPECT_EQ(event.rfind("data: {\"clients\":0,", 0), 0u) << event;
  EXPECT_EQ(event.find('\n'), event.size() - 2) << event;
  EXPECT_EQ(event.substr(event.size() - 3), "}\n\n");
}

TEST_F(StatusPageTest, TheHtmlLoadsNothingFromElsewhere) {
  const HttpPage page = Page("/");
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page.policy, HasSubstr("default-src 'none'"));
  for (const char* const foreign : {"src=", "http:", "https:", "@import", "url(", "innerHTML"}) {
    EXPECT_EQ(page.body.find(foreign), std::string::npos) << foreign;
  }
}

TEST_F(StatusPageTest, TheHtmlTellsHowManyFailoversItShows) {
  EXPECT_THAT(Page("/").body, HasSubstr(">The last 50 failovers<"));
}

TEST_F(StatusPageTest, OtherPathsAreUnknown) {
  for (const char* const path :
       {"/index.html", "/metrics/", "/metric", "/../metrics", "/healthz2", ""}) {
    EXPECT_EQ(Page(path).status, 404) << path;
  }
}

}  // namespace
}  // namespace proxy::test

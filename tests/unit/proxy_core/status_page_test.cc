// What the status page of a proxy says.
#include "proxy/core/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "failover/buffer.h"
#include "proxy/core/listener.h"
#include "toy_protocol.h"

namespace proxy::test {
namespace {

using testing::HasSubstr;

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
  }

  HttpPage Page(std::string_view path) { return StatusPage(*context_, *listener_, history_, path); }

  void ReportPrimary(std::size_t backend) {
    failover::TabletStats stats;
    stats.alias = Router::AliasOf(backend);
    stats.target = {"main", "0", failover::TabletType::kPrimary};
    stats.up = true;
    stats.serving = true;
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

TEST_F(StatusPageTest, HealthFollowsTheLife) {
  EXPECT_EQ(Page("/healthz").body, "starting\n");
  EXPECT_EQ(Page("/healthz").status, 503);
  ReportPrimary(0);
  EXPECT_EQ(Page("/healthz").body, "ok\n");
  EXPECT_EQ(Page("/healthz").status, 200);
  EXPECT_TRUE(buffer_->StartBuffering(context_->shard, "a test"));
  EXPECT_EQ(Page("/healthz").status, 200) << "a failover is no reason to send clients away";
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
  EXPECT_THAT(begun, HasSubstr("\"primary\":\"127.0.0.1:3306\",\"slots\":1000,"));
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

TEST_F(StatusPageTest, OtherPathsAreUnknown) {
  for (const char* const path :
       {"/index.html", "/metrics/", "/metric", "/../metrics", "/healthz2", ""}) {
    EXPECT_EQ(Page(path).status, 404) << path;
  }
}

}  // namespace
}  // namespace proxy::test

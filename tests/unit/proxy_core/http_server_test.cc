// The HTTP server with clients that are slow, too many, too long, or gone.
#include "proxy/core/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/executor_work_guard.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/http_client.h"

namespace proxy::test {
namespace {

using failover::test::BodyOf;
using failover::test::Exchange;
using failover::test::HttpClient;
using failover::test::RequestOf;

using testing::HasSubstr;
using testing::StartsWith;

class HttpServerTest : public testing::Test {
 protected:
  void Start(const HttpLimits& limits) {
    server_ = std::make_unique<HttpServer>(
        io_, [](std::string_view path) { return Page(path); }, limits);
    ASSERT_TRUE(server_->Listen({"127.0.0.1", 0}).ok());
    port_ = server_->port();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~HttpServerTest() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  // No client of these tests is ended by time, unless the test is about time.
  static HttpLimits Unhurried() {
    HttpLimits limits;
    limits.time = absl::Hours(1);
    return limits;
  }

  static HttpPage Page(std::string_view path) {
    if (path == "/throws") throw std::runtime_error("no page");
    if (path == "/large") return {200, "text/plain", std::string(4'000'000, 'x')};
    HttpPage page;
    if (path == "/stream") {
      page.next_part = [] { return std::string("part\n"); };
      return page;
    }
    if (path != "/") return PageOf(404);
    page.body = "hello\n";
    return page;
  }

  asio::io_context io_{1};
  asio::executor_work_guard<Executor> work_ = asio::make_work_guard(io_);
  std::unique_ptr<HttpServer> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(HttpServerTest, GetAndHead) {
  Start(Unhurried());
  EXPECT_EQ(BodyOf(Exchange(port_, RequestOf("GET", "/"))), "hello\n");
  const std::string head = Exchange(port_, RequestOf("HEAD", "/"));
  EXPECT_THAT(head, HasSubstr("Content-Length: 6\r\n"));
  EXPECT_EQ(BodyOf(head), "");
}

TEST_F(HttpServerTest, Errors) {
  Start(Unhurried());
  EXPECT_THAT(Exchange(port_, RequestOf("GET", "/nothing")), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Exchange(port_, RequestOf("POST", "/")), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(Exchange(port_, RequestOf("GET", "/throws")), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(Exchange(port_, "\x16\x03\x01 this is TLS\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Exchange(port_, "GET / HTTP/3.0\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 505 "));
}

TEST_F(HttpServerTest, AHeadInPiecesIsAHead) {
  Start(Unhurried());
  HttpClient client(port_);
  for (const char c : RequestOf("GET", "/")) client.Send(std::string(1, c));
  EXPECT_EQ(BodyOf(client.ReceiveAll()), "hello\n");
}

TEST_F(HttpServerTest, TheLongestHeadIsServedAndALongerOneIsNot) {
  Start(Unhurried());
  const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  const std::string longest =
      begin + std::string(kMaxHttpHead - begin.size() - 4, 'x') + "\r\n\r\n";
  ASSERT_EQ(longest.size(), kMaxHttpHead);
  EXPECT_THAT(Exchange(port_, longest), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Exchange(port_, begin + "x" + longest.substr(begin.size())),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Exchange(port_, std::string(30'000, 'x')), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, WhatComesBehindTheHeadIsIgnored) {
  Start(Unhurried());
  const std::string two = RequestOf("GET", "/") + RequestOf("GET", "/nothing");
  const std::string response = Exchange(port_, two + std::string(30'000, 'x'));
  EXPECT_EQ(BodyOf(response), "hello\n") << "one request for each connection";
}

TEST_F(HttpServerTest, ClientsThatLeaveHarmNobody) {
  HttpLimits limits = Unhurried();
  limits.connections = 100;
  Start(limits);
  for (int i = 0; i < 50; ++i) {
    HttpClient client(port_);
    client.Send(RequestOf("GET", i % 2 == 0 ? "/large" : "/").substr(0, i % 3 == 0 ? 10 : 100));
  }
  EXPECT_EQ(BodyOf(Exchange(port_, RequestOf("GET", "/"))), "hello\n");
}

TEST_F(HttpServerTest, ALargePageArrivesWhole) {
  Start(Unhurried());
  EXPECT_EQ(BodyOf(Exchange(port_, RequestOf("GET", "/large"))).size(), 4'000'000u);
}

TEST_F(HttpServerTest, ClientsOverTheLimitGet503) {
  HttpLimits limits = Unhurried();
  limits.connections = 2;
  Start(limits);
  auto first = std::make_unique<HttpClient>(port_);
  HttpClient second(port_);
  // The server takes connections in their order, so both others are counted before the third.
  HttpClient third(port_);
  EXPECT_THAT(third.ReceiveAll(), StartsWith("HTTP/1.1 503 "));
  first.reset();
  // The server notices when it reads, and then has room for one more.
  std::string response;
  while (BodyOf(response) != "hello\n") {
    HttpClient next(port_);
    next.Send(RequestOf("GET", "/"));
    next.EndSending();
    response = next.ReceiveAll();
    ASSERT_NE(response, "timeout");
  }
}

TEST_F(HttpServerTest, AClientThatSendsNothingIsClosed) {
  HttpLimits limits;
  limits.time = absl::Milliseconds(20);
  Start(limits);
  HttpClient silent(port_);
  EXPECT_EQ(silent.ReceiveAll(), "");
  HttpClient slow(port_);
  slow.Send("GET / HT");
  EXPECT_EQ(slow.ReceiveAll(), "");
}

TEST_F(HttpServerTest, AClientThatReadsNothingIsClosed) {
  HttpLimits limits;
  limits.time = absl::Milliseconds(20);
  limits.connections = 1;
  Start(limits);
  HttpClient deaf(port_);
  deaf.Send(RequestOf("GET", "/large"));
  // There is room for another client as soon as the first one was closed.
  std::string response;
  while (!testing::Value(response, StartsWith("HTTP/1.1 404 "))) {
    response = Exchange(port_, RequestOf("GET", "/nothing"));
    ASSERT_NE(response, "timeout");
  }
}

TEST_F(HttpServerTest, AStreamGoesOnBeyondTheTimeOfAClient) {
  HttpLimits limits;
  limits.time = absl::Milliseconds(500);
  Start(limits);
  HttpClient client(port_);
  client.Send(RequestOf("GET", "/stream"));
  EXPECT_TRUE(client.ReceiveUntil("part\npart\n")) << "the second part comes after a second";
  EXPECT_EQ(BodyOf(Exchange(port_, RequestOf("HEAD", "/stream"))), "");
}

TEST_F(HttpServerTest, StreamsLeaveRoomForOthers) {
  HttpLimits limits = Unhurried();
  limits.streams = 1;
  Start(limits);
  auto first = std::make_unique<HttpClient>(port_);
  first->Send(RequestOf("GET", "/stream"));
  EXPECT_TRUE(first->ReceiveUntil("part\n"));
  EXPECT_THAT(Exchange(port_, RequestOf("GET", "/stream")), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(BodyOf(Exchange(port_, RequestOf("GET", "/"))), "hello\n");
  // A part that cannot be sent ends the stream of a client that has left.
  first.reset();
  bool streams = false;
  while (!streams) {
    HttpClient next(port_);
    next.Send(RequestOf("GET", "/stream"));
    next.EndSending();
    streams = next.ReceiveUntil("\r\n\r\n") && !next.ReceivedAny("503");
    ASSERT_FALSE(next.timed_out());
  }
}

TEST_F(HttpServerTest, APortThatIsTakenIsAnError) {
  Start(Unhurried());
  HttpServer other(io_, Page);
  const absl::Status status = other.Listen({"127.0.0.1", port_, "localhost"});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::to_string(port_)));
}

}  // namespace
}  // namespace proxy::test

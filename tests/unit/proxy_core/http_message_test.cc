// How the head of a request is read, whatever its bytes are.
#include "proxy/core/http_message.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "support/http_client.h"

namespace proxy::test {
namespace {

using failover::test::BodyOf;
using failover::test::RequestOf;

int StatusOf(const std::string& head) { return ParseHttpHead(head).status; }
// The status of a good request with one more header line.
int StatusWith(const std::string& line) {
  return StatusOf("GET / HTTP/1.1\r\nHost: a\r\n" + line + "\r\n\r\n");
}
std::string PathOf(const std::string& target) {
  const HttpRequest request = ParseHttpHead(RequestOf("GET", target));
  return request.status == 200 ? request.path : "";
}

TEST(HttpMessageTest, AGoodRequest) {
  const HttpRequest get = ParseHttpHead(
      "GET /metrics HTTP/1.1\r\nHost: localhost:9104\r\nAccept: text/plain; q=0.5, */*\r\n"
      "X-Empty:\r\nX-Tab:\ta \xFF\r\n\r\n");
  EXPECT_EQ(get.status, 200);
  EXPECT_EQ(get.path, "/metrics");
  EXPECT_FALSE(get.wants_no_body);
  const HttpRequest head = ParseHttpHead(RequestOf("HEAD", "/"));
  EXPECT_EQ(head.status, 200);
  EXPECT_TRUE(head.wants_no_body);
}

TEST(HttpMessageTest, ThePathOfATarget) {
  EXPECT_EQ(PathOf("/"), "/");
  EXPECT_EQ(PathOf("/metrics?name[]=a&b=/c"), "/metrics");
  EXPECT_EQ(PathOf("/%2e%2E/x"), "/%2e%2E/x") << "nothing is decoded";
  EXPECT_EQ(PathOf("http://localhost:9104/metrics?x"), "/metrics");
  EXPECT_EQ(PathOf("HTTP://h/"), "/");
  for (const char* const bad :
       {"metrics", "*", "?", "http://", "http:///x", "http://host", "ftp://h/", "localhost:80"}) {
    EXPECT_EQ(StatusOf(RequestOf("GET", bad)), 400) << bad;
  }
}

TEST(HttpMessageTest, OtherMethodsAreNotAllowed) {
  for (const char* const method :
       {"POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get", "G", "GETS"}) {
    EXPECT_EQ(StatusOf(RequestOf(method, "/")), 405) << method;
  }
}

TEST(HttpMessageTest, OtherVersions) {
  EXPECT_EQ(StatusOf("GET / HTTP/1.0\r\n\r\n"), 200) << "HTTP/1.0 knows no Host";
  EXPECT_EQ(StatusOf("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
  for (const char* const bad : {"HTTP/1", "http/1.1", "HTTP/1.1 ", "HTTP/11", "HTTP/a.1",
                                "HTTP/1.a", "HTTP/1,1", "XTTP/1.1", "", "HTTP/1.10"}) {
    EXPECT_EQ(StatusOf(std::string("GET / ") + bad + "\r\nHost: a\r\n\r\n"), 400) << bad;
  }
}

TEST(HttpMessageTest, BadRequestLines) {
  for (const char* const bad :
       {"", " ", "GET", "GET /", "GET  / HTTP/1.1", "GET /a b HTTP/1.1", " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1", "G(T / HTTP/1.1", "GET /\x01 HTTP/1.1", "GET /\xC3\xBC HTTP/1.1",
        "GET /\rx HTTP/1.1", "GET /\nx HTTP/1.1"}) {
    EXPECT_EQ(StatusOf(std::string(bad) + "\r\nHost: a\r\n\r\n"), 400) << bad;
  }
}

TEST(HttpMessageTest, BadFields) {
  for (const char* const bad : {"NoColon", ": x", "A : x", " folded: x", "\tfolded: x", "A\x01: x",
                                "A: \x01", "A: \x7F", "A: a\rb", "A: a\nb", "A(: x"}) {
    EXPECT_EQ(StatusWith(bad), 400) << bad;
  }
  EXPECT_EQ(StatusWith(std::string("A: a\0b", 6)), 400);
  EXPECT_EQ(StatusWith("A: b"), 200);
}

TEST(HttpMessageTest, AHostIsNeededOnce) {
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(StatusWith("host: b"), 400);
}

TEST(HttpMessageTest, AHeadWithoutItsEnd) {
  EXPECT_EQ(StatusOf(""), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: a\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\nHost: a\n\n"), 400);
}

TEST(HttpMessageTest, AnyBytesGetAStatus) {
  std::minstd_rand random(7);
  const std::set<int> all = {200, 400, 405, 505};
  const std::string good = RequestOf("GET", "/metrics");
  for (int i = 0; i < 20'000; ++i) {
    std::string head = good;
    for (std::size_t changes = random() % 4 + 1; changes > 0; --changes) {
      const std::size_t at = random() % head.size();
      switch (random() % 3) {
        case 0:
          head[at] = static_cast<char>(random() % 256);
          break;
        case 1:
          head.insert(at, 1, "\r\n :/"[random() % 5]);
          break;
        default:
          head.erase(at, 1);
      }
    }
    const HttpRequest request = ParseHttpHead(head);
    EXPECT_EQ(all.count(request.status), 1u);
    if (request.status == 200) {
      ASSERT_FALSE(request.path.empty());
      EXPECT_EQ(request.path[0], '/');
      EXPECT_EQ(request.path.find_first_of("\r\n "), std::string::npos);
    }
  }
}

TEST(HttpMessageTest, AResponseSaysWhereItEnds) {
  HttpPage page;
  page.body = "hello";
  EXPECT_EQ(HttpResponse(page, false),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\n\r\nhello");
  EXPECT_EQ(BodyOf(HttpResponse(page, true)), "");
  EXPECT_NE(HttpResponse(page, true).find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_NE(HttpResponse(PageOf(405), false).find("\r\nAllow: GET, HEAD\r\n"), std::string::npos);
}

}  // namespace
}  // namespace proxy::test

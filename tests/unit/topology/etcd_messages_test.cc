#include "topology/etcd_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace failover::topology::internal {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Json = nlohmann::json;

constexpr char kHeader[] =
    R"("header":{"cluster_id":"14841639068965178418","member_id":"1","revision":"42"})";

std::string Range(const std::string& rest) { return absl::StrCat("{", kHeader, rest, "}"); }
std::string Line(const std::string& rest) {
  return absl::StrCat(R"({"result":{)", kHeader, rest, "}}");
}

TEST(EtcdRequestsTest, ARangeAsksForAllKeysBelowThePrefix) {
  const Json request = Json::parse(RangeRequest("/service/batman/"));
  EXPECT_EQ(request["key"], "L3NlcnZpY2UvYmF0bWFuLw==");
  EXPECT_EQ(request["range_end"], "L3NlcnZpY2UvYmF0bWFuMA==") << "/service/batman0";
  EXPECT_FALSE(request.contains("serializable")) << "a member that was left behind may not answer";
}

TEST(EtcdRequestsTest, TheEndOfAPrefixCarries) {
  EXPECT_EQ(Json::parse(RangeRequest("a\xff\xff"))["range_end"], "Yg==") << "b";
  EXPECT_EQ(Json::parse(RangeRequest("\xff"))["range_end"], "AA==") << "no end";
}

TEST(EtcdRequestsTest, AWatchNamesItsFirstRevision) {
  const Json request = Json::parse(WatchRequest("/a/", 43))["create_request"];
  EXPECT_EQ(request["start_revision"], "43");
  EXPECT_EQ(request["progress_notify"], true);
  EXPECT_EQ(request["key"], "L2Ev");
}

TEST(EtcdRequestsTest, ALoginQuotesWhatItSends) {
  const Json request = Json::parse(AuthenticateRequest("ro\"ot", "a\\b\n"));
  EXPECT_EQ(request["name"], "ro\"ot");
  EXPECT_EQ(request["password"], "a\\b\n");
  EXPECT_TRUE(Json::accept(AuthenticateRequest("\xff", "\xc3")));
}

TEST(EtcdAnswersTest, ARangeHasKeysAndRevisions) {
  const auto reply = ParseRangeReply(Range(
      R"(,"kvs":[{"key":"L2xlYWRlcg==","value":"bjE=","create_revision":"7","mod_revision":"9"}],)"
      R"("count":"1")"));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->header.cluster_id, 14841639068965178418u);
  EXPECT_EQ(reply->header.revision, 42);
  ASSERT_THAT(reply->keys, SizeIs(1));
  EXPECT_EQ(reply->keys[0].key, "/leader");
  EXPECT_EQ(reply->keys[0].value, "n1");
  EXPECT_EQ(reply->keys[0].create_revision, 7);
  EXPECT_EQ(reply->keys[0].mod_revision, 9);
}

TEST(EtcdAnswersTest, FieldsWithDefaultsMayBeAbsent) {
  const auto reply = ParseRangeReply(R"({"header":{"revision":5}})");
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->header.revision, 5);
  EXPECT_THAT(reply->keys, IsEmpty());
}

TEST(EtcdAnswersTest, AWatchTellsPutsAndDeletes) {
  const auto reply = ParseWatchLine(
      Line(R"(,"watch_id":"0","events":[{"kv":{"key":"YQ==","value":"Yg==","create_revision":"40",)"
           R"("mod_revision":"41"}},{"type":"DELETE","kv":{"key":"YQ==","mod_revision":"42"}}])"));
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_THAT(reply->events, SizeIs(2));
  EXPECT_FALSE(reply->events[0].deleted);
  EXPECT_EQ(reply->events[0].key.value, "b");
  EXPECT_TRUE(reply->events[1].deleted);
  EXPECT_EQ(reply->events[1].key.key, "a");
  EXPECT_FALSE(reply->IsProgress());
}

TEST(EtcdAnswersTest, AWatchTellsItsBeginItsEndAndItsProgress) {
  const auto created = ParseWatchLine(Line(R"(,"created":true)"));
  ASSERT_TRUE(created.ok());
  EXPECT_TRUE(created->created);
  EXPECT_FALSE(created->IsProgress());
  const auto compacted = ParseWatchLine(Line(R"(,"canceled":true,"compact_revision":"30")"));
  ASSERT_TRUE(compacted.ok());
  EXPECT_TRUE(compacted->canceled);
  EXPECT_EQ(compacted->compact_revision, 30);
  const auto progress = ParseWatchLine(Line(""));
  ASSERT_TRUE(progress.ok());
  EXPECT_TRUE(progress->IsProgress());
}

TEST(EtcdAnswersTest, AnErrorOfAWatchKeepsEtcdsText) {
  const auto reply = ParseWatchLine(
      R"({"error":{"grpc_code":14,"http_code":503,"message":"lost\nleader","http_status":"x"}})");
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(reply.status().message()), HasSubstr("lost?leader"));
}

TEST(EtcdAnswersTest, MalformedRangesAreErrors) {
  const std::vector<std::string> bodies = {
      "",
      "null",
      "[]",
      "{",
      "{}",
      "nonsense",
      "\xff\xfe",
      R"({"header":7})",
      R"({"header":{"revision":"x"}})",
      R"({"header":{"revision":"1x"}})",
      R"({"header":{"revision":""}})",
      R"({"header":{"revision":"-1"}})",
      R"({"header":{"revision":1.5}})",
      R"({"header":{"revision":true}})",
      R"({"header":{"revision":"99999999999999999999"}})",
      R"({"header":{"revision":"9223372036854775807"}})",
      R"({"header":{"cluster_id":"-1","revision":"1"}})",
      Range(R"(,"more":true)"),
      Range(R"(,"more":1)"),
      Range(R"(,"kvs":{})"),
      Range(R"(,"kvs":[7])"),
      Range(R"(,"kvs":[{"key":7,"mod_revision":"1"}])"),
      Range(R"(,"kvs":[{"key":"*","mod_revision":"1"}])"),
      Range(R"(,"kvs":[{"key":"YQ==","value":"?","mod_revision":"1"}])"),
      Range(R"(,"kvs":[{"key":"YQ==","mod_revision":"43"}])"),
      Range(R"(,"kvs":[{"key":"YQ=="}])"),
      std::string(100'000, '[')};
  for (const std::string& body : bodies) {
    EXPECT_EQ(ParseRangeReply(body).status().code(), absl::StatusCode::kDataLoss)
        << body.substr(0, 100);
  }
}

TEST(EtcdAnswersTest, MalformedLinesAreErrors) {
  const std::vector<std::string> lines = {
      "{}",
      "7",
      R"({"result":7})",
      R"({"result":{}})",
      Line(R"(,"created":"yes")"),
      Line(R"(,"events":7)"),
      Line(R"(,"events":[7])"),
      Line(R"(,"events":[{}])"),
      Line(R"(,"events":[{"type":"RENAME","kv":{"key":"YQ==","mod_revision":"1"}}])"),
      Line(R"(,"events":[{"type":7,"kv":{"key":"YQ==","mod_revision":"1"}}])"),
      Line(R"(,"events":[{"kv":7}])"),
      Line(R"(,"compact_revision":"x")"),
      Line(R"(,"cancel_reason":7)")};
  for (const std::string& line : lines) {
    EXPECT_EQ(ParseWatchLine(line).status().code(), absl::StatusCode::kDataLoss) << line;
  }
}

TEST(EtcdAnswersTest, ATokenMustFitIntoAHeader) {
  const auto token = ParseAuthenticateReply(R"({"header":{},"token":"abc.9"})");
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(*token, "abc.9");
  for (const char* const body :
       {"{}", R"({"token":""})", R"({"token":"a\r\nHost: b"})", R"({"token":7})", "x"}) {
    EXPECT_FALSE(ParseAuthenticateReply(body).ok()) << body;
  }
}

TEST(EtcdAnswersTest, ARefusalKeepsStatusAndText) {
  EXPECT_EQ(ErrorOfReply(401, R"({"error":"invalid auth token","code":16})").message(),
            "HTTP status 401: invalid auth token");
  EXPECT_EQ(ErrorOfReply(404, "Not Found\n").message(), "HTTP status 404: Not Found?");
  EXPECT_EQ(ErrorOfReply(500, "{}").message(), "HTTP status 500: an error without a text");
}

}  // namespace
}  // namespace failover::topology::internal

#include "proxy/postgres/session/request.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/session/lost_transaction.h"

namespace postgres_proxy {
namespace {

using failover::postgres::StatementKind;

std::string Texts(std::initializer_list<std::string_view> texts) {
  std::string body;
  for (const std::string_view text : texts) PutText(text, body);
  return body;
}

class RequestTest : public ::testing::Test {
 protected:
  bool Parse(std::string_view name, std::string_view sql) {
    return request_.Add(frontend::kParse, Texts({name, sql}) + std::string(2, '\0'));
  }
  bool Bind(std::string_view name) {
    return request_.Add(frontend::kBind, Texts({"", name}) + std::string(6, '\0'));
  }
  bool Execute() { return request_.Add(frontend::kExecute, Texts({""}) + std::string(4, '\0')); }
  bool Sync() { return request_.Add(frontend::kSync, {}); }
  bool Query(std::string_view sql) { return request_.Add(frontend::kQuery, Texts({sql})); }

  PreparedStatements statements_{1000};
  Request request_{statements_, {}};
};

TEST_F(RequestTest, AQueryIsClosed) {
  ASSERT_TRUE(Query("INSERT INTO t VALUES (1)"));
  EXPECT_TRUE(request_.closed());
  EXPECT_TRUE(request_.is_simple());
  EXPECT_EQ(request_.kind(), StatementKind::kSingle);
  EXPECT_TRUE(request_.writes());
  EXPECT_FALSE(request_.may_begin_transaction());
}

TEST_F(RequestTest, AStatementOfTheExtendedProtocol) {
  ASSERT_TRUE(Parse("", "UPDATE t SET i = $1") && Bind("") && Execute());
  EXPECT_FALSE(request_.closed());
  EXPECT_EQ(request_.kind(), StatementKind::kMayCommitInside);
  ASSERT_TRUE(Sync());
  EXPECT_TRUE(request_.closed());
  EXPECT_EQ(request_.kind(), StatementKind::kSingle);
  EXPECT_TRUE(request_.writes());
  EXPECT_TRUE(request_.needs().empty());
  EXPECT_EQ(request_.steps().size(), 3u);
}

TEST_F(RequestTest, SeveralStatementsUpToOneSync) {
  ASSERT_TRUE(Parse("", "SELECT 1") && Bind("") && Execute());
  ASSERT_TRUE(Parse("", "SELECT 2") && Bind("") && Execute() && Sync());
  EXPECT_EQ(request_.kind(), StatementKind::kPipeline);
}

TEST_F(RequestTest, ACommitInsideAPipelineMayCommit) {
  ASSERT_TRUE(Parse("", "SELECT 1") && Bind("") && Execute());
  ASSERT_TRUE(Parse("", "COMMIT") && Bind("") && Execute() && Sync());
  EXPECT_EQ(request_.kind(), StatementKind::kMayCommitInside);
  EXPECT_TRUE(request_.may_begin_transaction());
}

TEST_F(RequestTest, UsesStatementsOfEarlierRequests) {
  auto prepared = std::make_shared<PreparedStatement>();
  prepared->traits = JudgeText("BEGIN", {});
  statements_.Add("s", prepared);
  ASSERT_TRUE(Bind("s") && Execute() && Sync());
  ASSERT_EQ(request_.needs().size(), 1u);
  EXPECT_EQ(request_.needs()[0], prepared);
  EXPECT_EQ(request_.kind(), StatementKind::kBegin);
  EXPECT_EQ(request_.control(), Control::kBegin);
}

TEST_F(RequestTest, AnUnknownStatementMayDoAnything) {
  ASSERT_TRUE(Bind("unknown") && Execute() && Sync());
  EXPECT_EQ(request_.kind(), StatementKind::kMayCommitInside);
}

TEST_F(RequestTest, AFunctionCallMayDoAnything) {
  ASSERT_TRUE(request_.Add(frontend::kFunctionCall, std::string(10, '\0')));
  EXPECT_TRUE(request_.closed());
  EXPECT_EQ(request_.kind(), StatementKind::kMayCommitInside);
}

TEST_F(RequestTest, AFlushMakesItUncertain) {
  ASSERT_TRUE(Parse("", "SELECT 1") && request_.Add(frontend::kFlush, {}));
  EXPECT_TRUE(request_.flushed());
  ASSERT_TRUE(Sync());
  EXPECT_EQ(request_.kind(), StatementKind::kMayCommitInside);
}

TEST_F(RequestTest, WhatOnlyParsesIsLikeABegin) {
  ASSERT_TRUE(Parse("", "CALL p()") && request_.Add(frontend::kDescribe, Texts({"S"})));
  EXPECT_EQ(request_.kind(), StatementKind::kMayCommitInside);
  ASSERT_TRUE(request_.Add(frontend::kFlush, {}));
  EXPECT_TRUE(request_.is_prelude());
  EXPECT_EQ(request_.kind(), StatementKind::kBegin);
  EXPECT_FALSE(request_.may_begin_transaction());
  EXPECT_FALSE(request_.begins_transaction());
  ASSERT_TRUE(Bind("") && Execute());
  EXPECT_FALSE(request_.is_prelude());
  EXPECT_EQ(request_.kind(), StatementKind::kMayCommitInside);
}

TEST_F(RequestTest, ATransactionThatBeginsHasCommittedNothing) {
  ASSERT_TRUE(Parse("", "BEGIN") && Bind("") && Execute());
  ASSERT_TRUE(Parse("", "SELECT 1") && Bind("") && Execute());
  EXPECT_TRUE(request_.begins_transaction());
  ASSERT_TRUE(Sync());
  EXPECT_TRUE(request_.begins_transaction());
  EXPECT_EQ(request_.kind(), StatementKind::kMayCommitInside);
  EXPECT_TRUE(request_.may_begin_transaction());
}

TEST_F(RequestTest, ATransactionThatEndsMayHaveCommitted) {
  for (const char* const text :
       {"INSERT INTO t VALUES (1); BEGIN", "BEGIN; INSERT INTO t VALUES (1); COMMIT",
        "BEGIN; ROLLBACK; INSERT INTO t VALUES (1)", "BEGIN; CALL p()"}) {
    Request request(statements_, {});
    ASSERT_TRUE(request.Add(frontend::kQuery, Texts({text})));
    EXPECT_FALSE(request.begins_transaction()) << text;
  }
}

TEST_F(RequestTest, APortalOfAnEarlierRequestIsKnownInItsTransaction) {
  ASSERT_TRUE(Parse("", "UPDATE t SET i = 1") && Bind(""));
  statements_.AddPortals(request_.portals());
  for (const bool in_transaction : {true, false}) {
    if (!in_transaction) statements_.ForgetPortals();
    Request later(statements_, {});
    ASSERT_TRUE(later.Add(frontend::kExecute, Texts({""}) + std::string(4, '\0')) &&
                later.Add(frontend::kSync, {}));
    EXPECT_EQ(later.kind(),
              in_transaction ? StatementKind::kSingle : StatementKind::kMayCommitInside);
  }
}

TEST_F(RequestTest, MessagesThatMakeNoSense) {
  EXPECT_FALSE(request_.Add(frontend::kParse, "no end"));
  EXPECT_FALSE(request_.Add(frontend::kBind, ""));
  EXPECT_FALSE(request_.Add(frontend::kDescribe, ""));
  EXPECT_FALSE(request_.Add(frontend::kClose, "S"));
  EXPECT_FALSE(request_.Add(frontend::kExecute, "x"));
  EXPECT_FALSE(request_.Add(frontend::kQuery, ""));
  EXPECT_FALSE(request_.Add(frontend::kQuery, "no end"));
  EXPECT_FALSE(request_.Add('?', ""));
  EXPECT_FALSE(request_.Add(frontend::kPassword, ""));
}

TEST_F(RequestTest, BehindAnErrorNothingIsAnswered) {
  ASSERT_TRUE(Parse("", "SELECT 1"));
  request_.SkipToSync();
  ASSERT_TRUE(Bind("") && Execute());
  EXPECT_EQ(request_.steps().size(), 1u);
}

TEST_F(RequestTest, AnswersTheEndOfALostTransaction) {
  ASSERT_TRUE(Parse("", "ROLLBACK") && Bind("") &&
              request_.Add(frontend::kDescribe, Texts({"P"})) && Execute() && Sync());
  ASSERT_TRUE(EndsLostTransaction(request_));
  std::string expected;
  PutMessage(backend::kParseComplete, {}, expected);
  PutMessage(backend::kBindComplete, {}, expected);
  PutMessage(backend::kNoData, {}, expected);
  PutMessage(backend::kCommandComplete, Texts({"ROLLBACK"}), expected);
  PutReady('I', expected);
  EXPECT_EQ(AnswerToEnd(request_, statements_), expected);
}

TEST_F(RequestTest, OtherRequestsDoNotEndALostTransaction) {
  ASSERT_TRUE(Query("ROLLBACK; SELECT 1"));
  EXPECT_FALSE(EndsLostTransaction(request_));
}

TEST_F(RequestTest, BugALongRequestTookMoreMemoryTheLongerItWas) {
  ASSERT_TRUE(Parse("a", "SELECT 1"));
  for (std::size_t i = 0; i < 2 * Request::kMostJudged; ++i) ASSERT_TRUE(Bind("a") && Execute());
  EXPECT_EQ(request_.statements().size(), Request::kMostJudged + 1);
  const std::size_t steps = request_.steps().size();
  request_.ForgetSteps(steps - 1);
  ASSERT_EQ(request_.steps().size(), 1u);
  EXPECT_EQ(request_.steps()[0].type, frontend::kExecute);
  // What stands for the others keeps what they leave behind in the session.
  ASSERT_TRUE(Parse("l", "LISTEN c") && Bind("l") && Execute() && Bind("l") && Execute());
  EXPECT_EQ(request_.statements().size(), Request::kMostJudged + 1);
  ASSERT_EQ(request_.statements().back().changes.size(), 1u);
  EXPECT_EQ(request_.statements().back().changes[0].what, Unmovable::kListen);
  ASSERT_TRUE(Sync());
  EXPECT_EQ(request_.kind(), StatementKind::kMayCommitInside);
}

}  // namespace
}  // namespace postgres_proxy

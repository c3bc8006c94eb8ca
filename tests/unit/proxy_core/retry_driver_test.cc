#include "proxy/core/retry_driver.h"

#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "failover/errors.h"

namespace proxy {
namespace {

absl::Status FailoverError() {
  return failover::MarkCausedByFailover(absl::UnavailableError("read-only"));
}

// No test here writes to the client.
std::shared_ptr<ClientSocket> UnconnectedClient(const Executor& executor) {
  Socket socket(executor);
  socket.open(asio::ip::tcp::v4());
  return std::make_shared<ClientSocket>(std::move(socket));
}

// Ends each attempt with the same error, and counts the attempts.
class ScriptedStatement final : public RetriedStatement {
 public:
  explicit ScriptedStatement(absl::Status error) : error_(std::move(error)) {}

  Task<absl::Status> Try(failover::RetryDoneFunc&) override {
    ++attempts;
    co_return error_;
  }
  bool MayBeHeld() const override { return may_be_held; }
  bool MayRepeatAtOnce(const absl::Status& error) const override { return absl::IsAborted(error); }
  std::size_t bytes() const override { return 1; }

  bool may_be_held = true;
  int attempts = 0;

 private:
  const absl::Status error_;
};

class RetryDriverTest : public testing::Test {
 protected:
  RetryResult Run(ScriptedStatement& statement) {
    RetryResult result;
    asio::co_spawn(
        io_.get_executor(), [&]() -> Task<> { result = co_await driver_.Run(statement, *client_); },
        asio::detached);
    io_.run();
    io_.restart();
    return result;
  }

  asio::io_context io_;
  const std::unique_ptr<failover::Buffer> buffer_ = failover::Buffer::Create({}).value();
  Options options_;
  Router router_{{}, *buffer_};
  const Context context_{options_, router_, *buffer_, buffer_->GetShard("main", "0")};
  RetryDriver driver_{context_, io_.get_executor()};
  const std::shared_ptr<ClientSocket> client_ = UnconnectedClient(io_.get_executor());
};

TEST_F(RetryDriverTest, SuccessNeedsOneAttempt) {
  ScriptedStatement statement{absl::OkStatus()};
  EXPECT_TRUE(Run(statement).error.ok());
  EXPECT_EQ(statement.attempts, 1);
}

TEST_F(RetryDriverTest, AnErrorThatIsNoFailoversEndsTheStatement) {
  ScriptedStatement statement(absl::InternalError("syntax error"));
  EXPECT_EQ(Run(statement).error, absl::InternalError("syntax error"));
  EXPECT_EQ(statement.attempts, 1);
}

TEST_F(RetryDriverTest, WhatMayBeRepeatedAtOnceIsTriedThreeTimes) {
  ScriptedStatement statement(absl::AbortedError("found dead"));
  EXPECT_TRUE(absl::IsAborted(Run(statement).error));
  EXPECT_EQ(statement.attempts, 3);
}

TEST_F(RetryDriverTest, AStatementThatMayNotBeHeldDoesNotAskTheBuffer) {
  ScriptedStatement statement{absl::OkStatus()};
  statement.may_be_held = false;
  ASSERT_TRUE(buffer_->StartBuffering(context_.shard, "test"));
  EXPECT_TRUE(Run(statement).error.ok());
  EXPECT_EQ(statement.attempts, 1);
}

// The client is told both: why the statement was not held, and why it had to be.
TEST_F(RetryDriverTest, AnErrorOfTheBufferComesWithTheErrorBefore) {
  failover::BufferOptions options;
  options.size = 1;
  const auto full = failover::Buffer::Create(options).value();
  const Context context{options_, router_, *full, full->GetShard("main", "0")};
  ASSERT_TRUE(full->StartBuffering(full->GetShard("main", "1"), "test"));
  failover::RequestContext request;
  const auto taken =
      full->WaitForFailoverEndAsync(request, full->GetShard("main", "1"), absl::OkStatus(),
                                    [](const absl::StatusOr<failover::RetryDoneFunc>&) {});
  ASSERT_TRUE(taken.ok());
  RetryDriver driver(context, io_.get_executor());
  ScriptedStatement statement(FailoverError());
  RetryResult result;
  asio::co_spawn(
      io_.get_executor(), [&]() -> Task<> { result = co_await driver.Run(statement, *client_); },
      asio::detached);
  io_.run();
  EXPECT_EQ(result.before, FailoverError());
  EXPECT_TRUE(failover::ReasonOf(result.error).has_value()) << result.error;
  EXPECT_EQ(statement.attempts, 1);
}

}  // namespace
}  // namespace proxy

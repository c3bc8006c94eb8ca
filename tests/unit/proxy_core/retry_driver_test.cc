#include "proxy/core/retry_driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failover/errors.h"
#include "failover/health_check.h"
#include "failover/switchover.h"
#include "failover/testing/simulated_clock.h"
#include "failover/work.h"
#include "proxy/core/uncounted_work.h"

namespace proxy {
namespace {

constexpr char kKeyspace[] = "main";
constexpr char kShard[] = "0";

absl::Status Refused() {
  return failover::MarkCausedByFailover(absl::UnavailableError("read-only"));
}

absl::Status RefusedAtConnect() {
  return failover::MarkCausedByFailover(absl::UnavailableError("connection refused"),
                                        failover::RefusedAt::kConnect);
}

absl::Status FoundDead() { return absl::AbortedError("found dead"); }

// The attempts end with the given errors, and all later ones with the last of these.
class ScriptedStatement final : public RetriedStatement {
 public:
  explicit ScriptedStatement(std::vector<absl::Status> ends) : ends_(std::move(ends)) {}
  explicit ScriptedStatement(absl::Status end) : ends_{std::move(end)} {}

  Task<absl::Status> Try(ReplyNotice& notice) override {
    const std::size_t number = std::min(attempts, ends_.size() - 1);
    ++attempts;
    if (reply_begins || ends_[number].ok()) notice.ReplyBegan();
    if (on_try) on_try();
    co_return ends_[number];
  }
  bool MayBeHeld() const override { return may_be_held; }
  bool MayRepeatAtOnce(const absl::Status& error) const override { return absl::IsAborted(error); }
  std::size_t bytes() const override { return 1; }
  bool MayComeBack() const override { return may_come_back; }
  bool Writes() const override { return writes; }
  bool IsLogin() const override { return is_login; }
  failover::Work work() const override { return its_work; }
  bool LeavesTransaction() const override { return leaves_transaction; }

  failover::Work its_work = failover::Work::kStatement;
  bool leaves_transaction = false;
  bool may_be_held = true;
  bool may_come_back = true;
  bool writes = false;
  bool is_login = false;
  bool reply_begins = false;
  std::function<void()> on_try;
  std::size_t attempts = 0;

 private:
  const std::vector<absl::Status> ends_;
};

// The Buffer and the event loop run only when the test lets them, and time is simulated.
class RetryDriverTest : public testing::Test {
 protected:
  RetryDriverTest() {
    asio::ip::tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
    other_end_.connect(acceptor.local_endpoint());
    Socket accepted(io_.get_executor());
    acceptor.accept(accepted);
    client_ = std::make_shared<ClientSocket>(std::move(accepted));
    Report(0, 1, true);
  }

  // Runs until the statement has ended or is held.
  void Start(ScriptedStatement& statement) {
    result_.reset();
    asio::co_spawn(
        io_.get_executor(),
        [&]() -> Task<> { result_ = co_await driver_.Run(statement, *client_); }, asio::detached);
    Go();
  }
  RetryResult Run(ScriptedStatement& statement) {
    Start(statement);
    EXPECT_TRUE(result_.has_value()) << "the statement is held";
    return result_.value_or(RetryResult());
  }
  void Advance(absl::Duration by) {
    clock_.Advance(by);
    Go();
  }
  void Go() {
    do {
      buffer_->Poll();
      io_.restart();
    } while (io_.poll() > 0);
  }

  // A health check of the backend was answered now.
  void Report(std::size_t backend, std::int64_t term, bool serving) {
    Observe(backend, term, serving);
    Go();
  }
  // The same, but nobody has had the time to do anything.
  void Observe(std::size_t backend, std::int64_t term, bool serving) {
    failover::TabletStats stats;
    stats.alias = Router::AliasOf(backend);
    stats.target = {kKeyspace, kShard, failover::TabletType::kPrimary};
    stats.up = true;
    stats.serving = serving;
    stats.tablet_externally_reparented_timestamp = term;
    clock_.Advance(absl::Nanoseconds(1));
    stats.observed_at = clock_.Now();
    router_.StatsUpdate(stats);
  }

  failover::ShardStats Stats() const { return buffer_->GetShardStats(kKeyspace, kShard).value(); }

  static failover::BufferOptions Manual(failover::Clock& clock) {
    failover::BufferOptions options;
    options.threading = failover::Threading::kManual;
    options.clock = &clock;
    return options;
  }

  failover::SimulatedClock clock_;
  asio::io_context io_;
  asio::ip::tcp::socket other_end_{io_};
  std::shared_ptr<ClientSocket> client_;
  const std::unique_ptr<failover::Buffer> buffer_ =
      failover::Buffer::Create(Manual(clock_)).value();
  Options options_;
  Router router_{{{}, {}}, *buffer_};
  const failover::ShardHandle shard_ = buffer_->GetShard(kKeyspace, kShard);
  UncountedWork uncounted_;
  const Context context_{options_,          router_, *buffer_, shard_,
                         absl::Seconds(10), clock_,  nullptr,  &uncounted_};
  RetryDriver driver_{context_, io_.get_executor()};
  std::optional<RetryResult> result_;
};

TEST_F(RetryDriverTest, SuccessNeedsOneAttempt) {
  ScriptedStatement statement{absl::OkStatus()};
  EXPECT_TRUE(Run(statement).error.ok());
  EXPECT_EQ(statement.attempts, 1u);
}

TEST_F(RetryDriverTest, AnErrorThatIsNoFailoversEndsTheStatement) {
  ScriptedStatement statement(absl::InternalError("syntax error"));
  EXPECT_EQ(Run(statement).error, absl::InternalError("syntax error"));
  EXPECT_EQ(statement.attempts, 1u);
}

TEST_F(RetryDriverTest, WhatMayBeRepeatedAtOnceIsTriedThreeTimes) {
  ScriptedStatement statement(FoundDead());
  EXPECT_TRUE(absl::IsAborted(Run(statement).error));
  EXPECT_EQ(statement.attempts, 3u);
}

TEST_F(RetryDriverTest, AStatementThatMayNotBeHeldDoesNotAskTheBuffer) {
  ScriptedStatement statement{absl::OkStatus()};
  statement.may_be_held = false;
  ASSERT_TRUE(buffer_->StartBuffering(shard_, "test"));
  EXPECT_TRUE(Run(statement).error.ok());
  EXPECT_EQ(statement.attempts, 1u);
}

// The client is told both: why the statement was not held, and why it had to be.
TEST_F(RetryDriverTest, AnErrorOfTheBufferComesWithTheErrorBefore) {
  failover::BufferOptions options = Manual(clock_);
  options.size = 1;
  const auto full = failover::Buffer::Create(options).value();
  const Context context{options_, router_, *full, full->GetShard(kKeyspace, kShard)};
  ASSERT_TRUE(full->StartBuffering(full->GetShard(kKeyspace, "1"), "test"));
  const auto taken = full->WaitForFailoverEndAsync({}, full->GetShard(kKeyspace, "1"),
                                                   absl::OkStatus(), [](const auto&) {});
  ASSERT_TRUE(taken.ok());
  RetryDriver driver(context, io_.get_executor());
  ScriptedStatement statement(Refused());
  asio::co_spawn(
      io_.get_executor(), [&]() -> Task<> { result_ = co_await driver.Run(statement, *client_); },
      asio::detached);
  Go();
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->before, Refused());
  EXPECT_EQ(failover::ReasonOf(result_->error), failover::BufferErrorReason::kBufferFull);
  EXPECT_EQ(statement.attempts, 1u);
}

// ---- Held again ---------------------------------------------------------------------------------

TEST_F(RetryDriverTest, ARetryThatIsRefusedTakesItsPlaceAgain) {
  ScriptedStatement statement({Refused(), Refused(), absl::OkStatus()});
  Start(statement);
  ASSERT_FALSE(result_.has_value());
  Report(1, 2, true);  // The new primary does not take writes yet.
  EXPECT_EQ(statement.attempts, 2u);
  ASSERT_FALSE(result_.has_value()) << result_->error;
  EXPECT_EQ(Stats().requests_held_again, 1u);
  Advance(absl::Milliseconds(50));
  EXPECT_EQ(statement.attempts, 3u) << "a probe";
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->error.ok());
  EXPECT_EQ(Stats().retries_succeeded, 1u);
}

// No health check has seen anything: the statement itself finds out that the blip is over.
TEST_F(RetryDriverTest, ABlipThatNobodyReportsEndsWithAProbe) {
  ScriptedStatement statement({Refused(), absl::OkStatus()});
  Start(statement);
  ASSERT_FALSE(result_.has_value());
  Advance(absl::Seconds(1));
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->error.ok());
  EXPECT_EQ(Stats().stops[static_cast<std::size_t>(failover::StopReason::kRetrySucceeded)], 1u);
}

TEST_F(RetryDriverTest, WhoMayNotComeBackIsNoProbe) {
  ScriptedStatement statement({Refused(), absl::OkStatus()});
  statement.may_come_back = false;
  Start(statement);
  Advance(absl::Seconds(9));
  EXPECT_EQ(statement.attempts, 1u);
  Report(1, 2, true);
  EXPECT_EQ(statement.attempts, 2u);
}

// A SELECT succeeds on a backend that is read-only, too.
TEST_F(RetryDriverTest, OnlyAWriteProvesThatTheShardTakesWrites) {
  for (const bool writes : {true, false}) {
    ScriptedStatement statement({RefusedAtConnect(), absl::OkStatus()});
    statement.writes = writes;
    Start(statement);
    ASSERT_FALSE(result_.has_value());
    Advance(absl::Seconds(1));
    ASSERT_TRUE(result_.has_value()) << "it was the probe";
    EXPECT_EQ(Stats().state == failover::State::kBuffering, !writes);
  }
}

TEST_F(RetryDriverTest, AfterTheWindowTheClientIsToldTheStatementsOwnError) {
  ScriptedStatement statement(Refused());
  Start(statement);
  Report(0, 1, false);  // So that no probe is let go.
  Advance(absl::Seconds(10));
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->error, Refused());
  EXPECT_EQ(statement.attempts, 2u) << "one more at the end of the window";
}

TEST_F(RetryDriverTest, NothingIsRepeatedAfterAPartOfTheReply) {
  for (const bool may_be_held : {true, false}) {
    ScriptedStatement statement(Refused());
    statement.may_be_held = may_be_held;
    statement.reply_begins = true;
    EXPECT_EQ(Run(statement).error, Refused());
    EXPECT_EQ(statement.attempts, 1u);
  }
}

TEST_F(RetryDriverTest, ARefusalInsideATransactionIsNotedAndNotRepeated) {
  ScriptedStatement statement(Refused());
  statement.may_be_held = false;
  EXPECT_EQ(Run(statement).error, Refused());
  EXPECT_EQ(statement.attempts, 1u);
  EXPECT_EQ(Stats().state, failover::State::kBuffering) << "others are held from now on";
  EXPECT_EQ(Stats().requests_buffered, 0u);
}

// The transaction is gone with its connection, but this statement of it was sent.
TEST_F(RetryDriverTest, ARefusedStatementIsNotRepeatedBecauseItsTransactionIsGone) {
  ScriptedStatement statement(Refused());
  statement.may_be_held = false;
  statement.on_try = [&statement] { statement.may_be_held = true; };
  EXPECT_EQ(Run(statement).error, Refused());
  EXPECT_EQ(statement.attempts, 1u);
}

// So it is with a ping whose connection turns out to be dead.
TEST_F(RetryDriverTest, AStatementWhoseConnectionIsGoneIsHeldAfterAll) {
  ScriptedStatement statement({FoundDead(), absl::OkStatus()});
  statement.may_be_held = false;
  statement.on_try = [&statement] { statement.may_be_held = true; };
  ASSERT_TRUE(buffer_->StartBuffering(shard_, "test"));
  Start(statement);
  EXPECT_FALSE(result_.has_value());
  EXPECT_EQ(Stats().requests_held, 1u);
  ASSERT_TRUE(buffer_->StopBuffering(shard_));
  Go();
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->error.ok());
}

// ---- One window for a login and its first statement ---------------------------------------------

// ---- Interrupted --------------------------------------------------------------------------------

TEST_F(RetryDriverTest, AHeldStatementIsInterrupted) {
  const std::function<bool()> interrupt = driver_.interrupter();
  EXPECT_FALSE(interrupt()) << "nothing runs";
  ScriptedStatement statement({Refused(), absl::OkStatus()});
  Start(statement);
  ASSERT_FALSE(result_.has_value());
  EXPECT_TRUE(interrupt());
  Go();
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->error.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Stats().requests_held, 0u);
  EXPECT_FALSE(interrupt());
  Report(1, 2, true);
  EXPECT_EQ(statement.attempts, 1u);
  ScriptedStatement next{absl::OkStatus()};
  EXPECT_TRUE(Run(next).error.ok());
}

// The caller is told that the statement is not executed, so the statement must not run.
TEST_F(RetryDriverTest, BugLateInterrupt_AStatementThatIsReleasedJustBeforeIsInterrupted) {
  const std::function<bool()> interrupt = driver_.interrupter();
  ScriptedStatement statement({Refused(), absl::OkStatus()});
  Start(statement);
  Observe(1, 2, true);
  buffer_->Poll();
  EXPECT_TRUE(interrupt());
  Go();
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->error.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(statement.attempts, 1u);
  EXPECT_EQ(Stats().state, failover::State::kIdle) << "its right to retry has ended";
}

// The release comes too late. Its right to retry must not be left for the next statement.
TEST_F(RetryDriverTest, AStatementThatIsReleasedJustAfterItsInterruptionEndsItsRetry) {
  const std::function<bool()> interrupt = driver_.interrupter();
  ScriptedStatement statement({Refused(), absl::OkStatus()});
  Start(statement);
  EXPECT_TRUE(interrupt());
  Observe(1, 2, true);
  buffer_->Poll();
  Go();
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->error.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(statement.attempts, 1u);
  EXPECT_EQ(Stats().state, failover::State::kIdle);
  ScriptedStatement next({Refused(), absl::OkStatus()});
  ASSERT_TRUE(buffer_->StartBuffering(shard_, "test"));
  Start(next);
  EXPECT_FALSE(result_.has_value()) << "held, and not released by what was left";
  EXPECT_EQ(next.attempts, 0u);
}

class LoginWindowTest : public RetryDriverTest {
 protected:
  // A login that the Buffer holds for a second, in a failover that goes on.
  void LogInAsProbe() {
    ScriptedStatement login({RefusedAtConnect(), absl::OkStatus()});
    login.is_login = true;
    Start(login);
    ASSERT_FALSE(result_.has_value());
    Advance(absl::Seconds(1));
    ASSERT_TRUE(result_.has_value());
    ASSERT_TRUE(result_->error.ok());
    ASSERT_EQ(Stats().state, failover::State::kBuffering);
  }
};

TEST_F(LoginWindowTest, TheFirstStatementGetsWhatIsLeftAndOneLastAttempt) {
  LogInAsProbe();
  ScriptedStatement statement{absl::OkStatus()};
  Start(statement);
  Advance(absl::Seconds(9) - absl::Nanoseconds(1));
  EXPECT_FALSE(result_.has_value());
  Advance(absl::Nanoseconds(1));
  ASSERT_TRUE(result_.has_value()) << "the window is over ten seconds after the login came";
  EXPECT_TRUE(result_->error.ok()) << result_->error;
  EXPECT_EQ(statement.attempts, 1u);
}

TEST_F(LoginWindowTest, AfterAWholeWindowTheFirstStatementIsNotHeld) {
  ScriptedStatement login({RefusedAtConnect(), absl::OkStatus()});
  login.is_login = true;
  Start(login);
  Report(0, 1, false);
  Advance(absl::Seconds(10));
  ASSERT_TRUE(result_.has_value());
  ASSERT_TRUE(result_->error.ok());
  ASSERT_EQ(Stats().state, failover::State::kBuffering);
  ScriptedStatement statement(Refused());
  EXPECT_EQ(Run(statement).error, Refused());
  EXPECT_EQ(statement.attempts, 1u);
}

TEST_F(LoginWindowTest, WhoIsLetGoJustBeforeTheEndOfTheWindowGetsAnAttempt) {
  LogInAsProbe();
  ScriptedStatement statement{absl::OkStatus()};
  Start(statement);
  Observe(1, 2, true);
  Advance(absl::Seconds(9));
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->error.ok()) << result_->error;
  EXPECT_EQ(statement.attempts, 1u);
}

TEST_F(LoginWindowTest, LaterStatementsHaveWindowsOfTheirOwn) {
  LogInAsProbe();
  ScriptedStatement first{absl::OkStatus()};
  first.may_be_held = false;
  EXPECT_TRUE(Run(first).error.ok());
  ScriptedStatement second{absl::OkStatus()};
  Start(second);
  Advance(absl::Seconds(10) - absl::Nanoseconds(1));
  EXPECT_FALSE(result_.has_value());
  Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(result_.has_value());
}

TEST_F(LoginWindowTest, AnotherFailoverHasAnotherWindow) {
  LogInAsProbe();
  Report(1, 2, true);
  ASSERT_EQ(Stats().state, failover::State::kIdle);
  Report(1, 2, false);
  ScriptedStatement statement{absl::OkStatus()};
  Start(statement);
  Advance(absl::Seconds(10) - absl::Nanoseconds(1));
  EXPECT_FALSE(result_.has_value());
  Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(result_.has_value());
}

TEST_F(LoginWindowTest, ALoginThatWaitedForANewPrimaryCostsTheNextFailoverNothing) {
  ScriptedStatement login({RefusedAtConnect(), absl::OkStatus()});
  login.is_login = true;
  Start(login);
  clock_.Advance(absl::Milliseconds(900));
  Report(1, 2, true);
  ASSERT_TRUE(result_.has_value());
  ASSERT_TRUE(result_->error.ok());
  Report(1, 2, false);
  ScriptedStatement statement{absl::OkStatus()};
  Start(statement);
  Advance(absl::Seconds(10) - absl::Nanoseconds(1));
  EXPECT_FALSE(result_.has_value());
  Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(result_.has_value());
}

TEST_F(LoginWindowTest, ALoginThatWasNotHeldCostsNothing) {
  ScriptedStatement login{absl::OkStatus()};
  login.is_login = true;
  ASSERT_TRUE(Run(login).error.ok());
  Report(0, 1, false);
  ScriptedStatement statement{absl::OkStatus()};
  Start(statement);
  Advance(absl::Seconds(10) - absl::Nanoseconds(1));
  EXPECT_FALSE(result_.has_value());
  Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(result_.has_value());
}

// ---- Planned switchovers ------------------------------------------------------------------------

class CountedWorkTest : public RetryDriverTest {
 protected:
  failover::Switchover Begin() {
    failover::SwitchoverOptions options;
    options.transaction_grace = absl::Seconds(5);
    absl::StatusOr<failover::Switchover> begun = buffer_->BeginSwitchover(shard_, options);
    EXPECT_TRUE(begun.ok()) << begun.status();
    return *std::move(begun);
  }
  // What is in flight now.
  failover::WorkInFlight InFlight() { return Begin().progress().in_flight; }

  // Leaves a transaction open.
  void BeginTransaction(failover::Work work = failover::Work::kTransaction) {
    ScriptedStatement begin{absl::OkStatus()};
    begin.its_work = work;
    begin.leaves_transaction = true;
    ASSERT_TRUE(Run(begin).error.ok());
  }
};

constexpr failover::WorkInFlight kNothing{0, 0};
constexpr failover::WorkInFlight kOneStatement{1, 0};
constexpr failover::WorkInFlight kOneTransaction{0, 1};

TEST_F(CountedWorkTest, AStatementIsInFlightUntilItHasEnded) {
  ScriptedStatement statement{absl::OkStatus()};
  failover::WorkInFlight seen;
  statement.on_try = [&] { seen = InFlight(); };
  EXPECT_TRUE(Run(statement).error.ok());
  EXPECT_EQ(seen, kOneStatement) << "the client has only a part of the reply";
  EXPECT_EQ(InFlight(), kNothing);
}

TEST_F(CountedWorkTest, AStatementThatFailsIsNotInFlight) {
  ScriptedStatement statement(absl::InternalError("syntax error"));
  EXPECT_FALSE(Run(statement).error.ok());
  EXPECT_EQ(InFlight(), kNothing);
}

TEST_F(CountedWorkTest, ATransactionIsInFlightUntilItsLastStatement) {
  BeginTransaction();
  EXPECT_EQ(InFlight(), kOneTransaction);
  ScriptedStatement inside{absl::OkStatus()};
  inside.may_be_held = false;
  inside.leaves_transaction = true;
  EXPECT_TRUE(Run(inside).error.ok());
  EXPECT_EQ(InFlight(), kOneTransaction);
  ScriptedStatement commit{absl::OkStatus()};
  commit.may_be_held = false;
  EXPECT_TRUE(Run(commit).error.ok());
  EXPECT_EQ(InFlight(), kNothing);
}

// Nobody knew that the statement would begin a transaction. The switchover waits for it
// nevertheless.
TEST_F(CountedWorkTest, ATransactionThatComesAsASurpriseIsInFlight) {
  BeginTransaction(failover::Work::kStatement);
  EXPECT_EQ(InFlight(), kOneStatement);
}

TEST_F(CountedWorkTest, AStatementThatFailsMayLeaveATransaction) {
  ScriptedStatement statement(absl::InternalError("the second of two statements failed"));
  statement.its_work = failover::Work::kTransaction;
  statement.leaves_transaction = true;
  EXPECT_FALSE(Run(statement).error.ok());
  EXPECT_EQ(InFlight(), kOneTransaction);
}

TEST_F(CountedWorkTest, ASessionThatIsResetHasNoTransaction) {
  BeginTransaction();
  driver_.TransactionEnded();
  EXPECT_EQ(InFlight(), kNothing);
}

// A statement that waits after its transaction is lost would keep the switchover from getting
// quiet.
TEST_F(CountedWorkTest, ALostTransactionIsNotInFlightWhileTheStatementWaits) {
  BeginTransaction();
  ScriptedStatement ping({FoundDead(), absl::OkStatus()});
  ping.may_be_held = false;
  ping.on_try = [&ping] { ping.may_be_held = true; };
  failover::Switchover switchover = Begin();
  Start(ping);
  EXPECT_TRUE(switchover.progress().quiet);
  ASSERT_FALSE(result_.has_value()) << "it is held";
  EXPECT_TRUE(switchover.Abort());
  Go();
  EXPECT_TRUE(result_.has_value());
}

TEST_F(CountedWorkTest, NewTransactionsAreHeldAndStatementsPass) {
  BeginTransaction();
  failover::Switchover switchover = Begin();
  RetryDriver other(context_, io_.get_executor());
  const auto run = [&](ScriptedStatement& statement) {
    result_.reset();
    asio::co_spawn(
        io_.get_executor(), [&]() -> Task<> { result_ = co_await other.Run(statement, *client_); },
        asio::detached);
    Go();
  };
  ScriptedStatement single{absl::OkStatus()};
  run(single);
  EXPECT_TRUE(result_.has_value());
  ScriptedStatement begin{absl::OkStatus()};
  begin.its_work = failover::Work::kTransaction;
  run(begin);
  EXPECT_FALSE(result_.has_value());
  EXPECT_EQ(switchover.progress().stage, failover::SwitchoverStage::kTransactionsEnd);
  driver_.TransactionEnded();
  EXPECT_TRUE(switchover.progress().quiet);
  Report(1, 2, true);
  EXPECT_EQ(switchover.progress().end, failover::SwitchoverEnd::kNewPrimary);
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->error.ok());
}

// The attempt at the end of a login's window has no token of the Buffer.
TEST_F(CountedWorkTest, NoAttemptThatIsNotCountedBeginsInASwitchover) {
  ScriptedStatement login({RefusedAtConnect(), absl::OkStatus()});
  login.is_login = true;
  Start(login);
  Advance(absl::Seconds(1));
  ASSERT_TRUE(result_.has_value());
  ScriptedStatement statement{absl::OkStatus()};
  Start(statement);
  {
    const UncountedWork::Switching switching(&uncounted_);
    Advance(absl::Seconds(9));
    ASSERT_TRUE(result_.has_value());
    EXPECT_EQ(failover::ReasonOf(result_->error), failover::BufferErrorReason::kTimeout);
    EXPECT_EQ(statement.attempts, 0u);
  }
}

TEST_F(CountedWorkTest, ASwitchoverSeesTheAttemptsThatAreNotCounted) {
  ScriptedStatement login({RefusedAtConnect(), absl::OkStatus()});
  login.is_login = true;
  Start(login);
  Advance(absl::Seconds(1));
  int attempts = 0;
  ScriptedStatement statement{absl::OkStatus()};
  statement.on_try = [&] { attempts = UncountedWork::Switching(&uncounted_).attempts(); };
  Start(statement);
  Advance(absl::Seconds(9));
  EXPECT_EQ(statement.attempts, 1u);
  EXPECT_EQ(attempts, 1);
  EXPECT_EQ(UncountedWork::Switching(&uncounted_).attempts(), 0);
}

TEST_F(CountedWorkTest, ASwitchoverSeesATransactionThatAnAttemptBeganThatIsNotCounted) {
  ScriptedStatement login({RefusedAtConnect(), absl::OkStatus()});
  login.is_login = true;
  Start(login);
  Advance(absl::Seconds(1));
  ScriptedStatement begin{absl::OkStatus()};
  begin.leaves_transaction = true;
  Start(begin);
  Advance(absl::Seconds(9));
  ASSERT_EQ(begin.attempts, 1u);
  EXPECT_EQ(UncountedWork::Switching(&uncounted_).attempts(), 1);
  driver_.TransactionEnded();
  EXPECT_EQ(UncountedWork::Switching(&uncounted_).attempts(), 0);
}

}  // namespace
}  // namespace proxy

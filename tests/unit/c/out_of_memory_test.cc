// In these tests memory runs out in the middle of a call of the interface in C. Each allocation of
// the call fails in turn, together with all that follow. The answer is FO_NO_MEMORY, nothing leaks,
// and nobody gets half of an answer.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "failover/c/mysql.h"
#include "failover/c/postgres.h"
#include "proofs/hazards/allocation_failures.h"

namespace {

using failover::test::FailAllocations;
using failover::test::LiveAllocations;

// This number is far larger than the allocations of any call here.
constexpr int kMostAllocations = 2000;

// A thread that a call has started may make something that stays, such as a cache of a library. It
// does so once, and a call that leaks does so each time.
constexpr int kMostCaches = 10;

// Calls `call` until it needs no memory that it does not get. Returns how often memory ran out.
template <typename Call, typename Check>
int RunOut(Call call, Check check) {
  int caches = 0;
  for (int successes = 0; successes < kMostAllocations; ++successes) {
    const std::int64_t before = LiveAllocations();
    fo_result result = FO_OK;
    bool ran_out = false;
    {
      const FailAllocations failures(FailAllocations::Which::kRest, successes);
      result = call();
      ran_out = failures.any();
    }
    check(result);
    if (!ran_out && LiveAllocations() != before && ++caches <= kMostCaches) {
      --successes;
      continue;
    }
    EXPECT_EQ(LiveAllocations(), before) << "after " << successes << " allocations";
    if (!ran_out) {
      EXPECT_EQ(result, FO_OK) << fo_error_text();
      return successes;
    }
    EXPECT_EQ(result, FO_NO_MEMORY) << fo_error_text();
  }
  ADD_FAILURE() << "the call never gets enough memory";
  return 0;
}

TEST(OutOfMemoryInCTest, VerdictsAllowNothing) {
  fo_mysql_error mysql = {};
  mysql.struct_size = sizeof(mysql);
  mysql.number = 1290;
  mysql.text = "The MariaDB server is running with the --read-only option so it cannot do this";
  fo_postgres_error postgres = {};
  postgres.struct_size = sizeof(postgres);
  postgres.source = FO_POSTGRES_ERROR_RESPONSE;
  postgres.severity = "ERROR";
  postgres.sqlstate = "25006";
  postgres.text = "cannot execute INSERT in a read-only transaction";
  fo_postgres_statement single = {};
  single.struct_size = sizeof(single);
  single.kind = FO_POSTGRES_SINGLE;
  fo_verdict verdict = {};
  verdict.struct_size = sizeof(verdict);
  const auto check = [&verdict](fo_result result) {
    EXPECT_EQ(verdict.wait, result == FO_OK ? 1 : 0);
    EXPECT_EQ(verdict.attempt, result == FO_OK ? FO_ATTEMPT_REFUSED : FO_ATTEMPT_UNKNOWN);
  };
  // The tables are made by the first call.
  ASSERT_EQ(fo_mysql_verdict(&mysql, nullptr, &verdict), FO_OK);
  ASSERT_EQ(fo_postgres_verdict(&postgres, &single, &verdict), FO_OK);
  EXPECT_GT(RunOut([&] { return fo_mysql_verdict(&mysql, nullptr, &verdict); }, check), 2);
  EXPECT_GT(RunOut([&] { return fo_postgres_verdict(&postgres, &single, &verdict); }, check), 2);
}

class BufferInCTest : public testing::Test {
 protected:
  void SetUp() override {
    fo_options options = {};
    options.struct_size = sizeof(options);
    options.threading = FO_MANUAL;
    options.log = [](void*, std::int32_t, const char*) {};
    ASSERT_EQ(fo_buffer_create(&options, &buffer_, nullptr, 0), FO_OK);
    ASSERT_EQ(fo_shard_get(buffer_, "commerce", "0", &shard_), FO_OK);
  }
  void TearDown() override { fo_buffer_destroy(buffer_); }

  fo_buffer* buffer_ = nullptr;
  fo_shard shard_ = {0};
};

TEST_F(BufferInCTest, MetricsAreCompleteOrNotWritten) {
  std::size_t written = 0;
  const auto count = [](void* arg, const char*, std::size_t size) {
    *static_cast<std::size_t*>(arg) += size;
  };
  ASSERT_EQ(fo_metrics(buffer_, count, &written), FO_OK);
  const std::size_t all = written;
  const auto check = [&](fo_result result) { EXPECT_EQ(written, result == FO_OK ? all : 0); };
  EXPECT_GT(RunOut(
                [&] {
                  written = 0;
                  return fo_metrics(buffer_, count, &written);
                },
                check),
            2);
}

TEST_F(BufferInCTest, OptionsThatNeedMemoryStayAsTheyWere) {
  fo_options options = {};
  options.struct_size = sizeof(options);
  options.threading = FO_MANUAL;
  options.keyspace_shards = "a keyspace whose name does not fit into a short string";
  fo_result result = FO_OK;
  {
    const FailAllocations failures(FailAllocations::Which::kRest, 0);
    result = fo_reconfigure(buffer_, &options);
  }
  EXPECT_EQ(result, FO_NO_MEMORY) << fo_error_text();
  EXPECT_EQ(fo_start_buffering(buffer_, shard_, "a test"), FO_OK) << "the shard is not disabled";
}

TEST_F(BufferInCTest, ShutdownBeginsOrNot) {
  int done = 0;
  const auto count = [](void* arg) { ++*static_cast<int*>(arg); };
  fo_result result = FO_OK;
  {
    const FailAllocations failures(FailAllocations::Which::kRest, 0);
    result = fo_buffer_begin_shutdown(buffer_, count, &done);
  }
  EXPECT_EQ(result, FO_NO_MEMORY) << fo_error_text();
  EXPECT_EQ(fo_start_buffering(buffer_, shard_, "a test"), FO_OK) << "the buffer is not shut down";
  EXPECT_EQ(fo_buffer_begin_shutdown(buffer_, count, &done), FO_OK);
  EXPECT_EQ(fo_buffer_shutdown(buffer_), FO_OK);
  EXPECT_EQ(done, 1);
}

class StepsInCTest : public BufferInCTest {
 protected:
  void SetUp() override {
    BufferInCTest::SetUp();
    fo_request request = {};
    request.struct_size = sizeof(request);
    request.work = FO_WORK_TRANSACTION;
    steps_ = fo_steps_create(0);
    ASSERT_EQ(fo_steps_start(steps_, 0, &request), FO_STEP_WAIT);
    ASSERT_EQ(fo_steps_wait(steps_, 0, buffer_, shard_, nullptr, nullptr, nullptr), FO_OK);
    ASSERT_EQ(fo_steps_wait_ended(steps_, 0), FO_STEP_ATTEMPT);
  }
  void TearDown() override {
    fo_steps_destroy(steps_);
    BufferInCTest::TearDown();
  }

  void TakeWorkWithoutMemory() {
    fo_retry work = {{1, 1}};
    fo_result result = FO_OK;
    {
      const FailAllocations failures(FailAllocations::Which::kRest, 0);
      result = fo_steps_take_work(steps_, &work);
    }
    EXPECT_EQ(result, FO_NO_MEMORY) << fo_error_text();
    EXPECT_EQ(work.opaque[0], 0u);
    EXPECT_EQ(Counted(), 1u);
  }

  // How many transactions are counted now.
  std::uint64_t Counted() {
    std::uint64_t transactions = 0;
    fo_switchover* switchover = nullptr;
    EXPECT_EQ(fo_switchover_begin(buffer_, shard_, nullptr, &switchover), FO_OK);
    fo_switchover_wait(switchover, 0, nullptr, &transactions);
    fo_switchover_free(switchover);
    return transactions;
  }

  fo_steps* steps_ = nullptr;
};

TEST_F(StepsInCTest, WorkThatCannotBeHandedOverMayBeTakenLater) {
  TakeWorkWithoutMemory();
  fo_retry work = {{0, 0}};
  EXPECT_EQ(fo_steps_take_work(steps_, &work), FO_OK);
  EXPECT_EQ(fo_steps_attempt_ended(steps_, 0, FO_ATTEMPT_SUCCEEDED), FO_STEP_FINISH);
  EXPECT_EQ(Counted(), 1u);
  EXPECT_EQ(fo_retry_done(&work, FO_ATTEMPT_NONE), FO_OK);
  EXPECT_EQ(Counted(), 0u);
}

TEST_F(StepsInCTest, WorkThatCannotBeHandedOverEndsWithItsAttempt) {
  TakeWorkWithoutMemory();
  EXPECT_EQ(fo_steps_attempt_ended(steps_, 0, FO_ATTEMPT_SUCCEEDED), FO_STEP_FINISH);
  EXPECT_EQ(Counted(), 0u);
}

TEST_F(BufferInCTest, MonitorIsThereOrNot) {
  fo_monitored_server server = {};
  server.struct_size = sizeof(server);
  server.unix_socket = "/a folder whose name does not fit into a short string/.s.PGSQL.5432";
  server.user = "a user whose name does not fit into a short string";
  const fo_monitored_shard watched = {sizeof(watched), shard_, &server, 1};
  fo_monitor_options options = {};
  options.struct_size = sizeof(options);
  options.shards = &watched;
  options.shard_count = 1;
  fo_monitor* monitor = nullptr;
  const auto check = [&monitor](fo_result result) {
    EXPECT_EQ(monitor != nullptr, result == FO_OK);
    fo_monitor_destroy(monitor);
  };
  const auto create = [&] {
    return fo_postgres_monitor_create(buffer_, &options, &monitor, nullptr, 0);
  };
  const fo_result first = create();
  check(first);
  EXPECT_GT(RunOut(create, check), 2);
}

}  // namespace

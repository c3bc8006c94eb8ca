// What the status page remembers of failovers.
#include "proxy/core/failover_history.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace proxy::test {
namespace {

using failover::State;
using failover::Transition;

class FailoverHistoryTest : public testing::Test {
 protected:
  void Note(int second, State from, State to, const char* why, std::uint64_t held = 0,
            const char* shard = "0") {
    Transition transition;
    transition.keyspace = "main";
    transition.shard_name = shard;
    transition.from = from;
    transition.to = to;
    transition.why = why;
    transition.held = held;
    transition.epoch = static_cast<std::uint64_t>(second);
    transition.when = absl::FromUnixSeconds(second);
    history_.Note(transition);
  }

  FailoverHistory history_;
};

TEST_F(FailoverHistoryTest, AWholeFailover) {
  Note(1, State::kIdle, State::kBuffering, "a cause");
  {
    const PastFailover past = history_.Latest().at(0);
    EXPECT_EQ(past.keyspace, "main");
    EXPECT_EQ(past.shard, "0");
    EXPECT_EQ(past.began, absl::FromUnixSeconds(1));
    EXPECT_EQ(past.cause, "a cause");
    EXPECT_FALSE(past.released.has_value());
    EXPECT_FALSE(past.ended.has_value());
  }
  Note(3, State::kBuffering, State::kDraining, "NewPrimarySeen", 7);
  Note(4, State::kDraining, State::kIdle, "done");
  const PastFailover past = history_.Latest().at(0);
  EXPECT_EQ(past.released, absl::FromUnixSeconds(3));
  EXPECT_EQ(past.ended, absl::FromUnixSeconds(4));
  EXPECT_EQ(past.held, 7u);
  EXPECT_EQ(past.end, "NewPrimarySeen");
  EXPECT_EQ(past.epoch, 4u);
  EXPECT_EQ(history_.Latest().size(), 1u);
}

TEST_F(FailoverHistoryTest, AHoldInADrainIsAnotherFailover) {
  Note(1, State::kIdle, State::kBuffering, "first");
  Note(2, State::kBuffering, State::kDraining, "end");
  Note(3, State::kDraining, State::kBuffering, "second");
  const std::vector<PastFailover> all = history_.Latest();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].cause, "second");
  EXPECT_FALSE(all[0].released.has_value());
  EXPECT_EQ(all[1].ended, absl::FromUnixSeconds(3));
}

TEST_F(FailoverHistoryTest, ShardsAreApart) {
  Note(1, State::kIdle, State::kBuffering, "a", 0, "0");
  Note(2, State::kIdle, State::kBuffering, "b", 0, "1");
  Note(3, State::kBuffering, State::kDraining, "end", 0, "0");
  const std::vector<PastFailover> all = history_.Latest();
  EXPECT_EQ(all[0].shard, "1");
  EXPECT_FALSE(all[0].released.has_value());
  EXPECT_EQ(all[1].released, absl::FromUnixSeconds(3));
}

TEST_F(FailoverHistoryTest, AShutdownEndsAFailoverAtOnce) {
  Note(1, State::kIdle, State::kBuffering, "a");
  Note(2, State::kBuffering, State::kIdle, "shutdown");
  EXPECT_EQ(history_.Latest()[0].released, absl::FromUnixSeconds(2));
  EXPECT_EQ(history_.Latest()[0].ended, absl::FromUnixSeconds(2));
}

TEST_F(FailoverHistoryTest, OldFailoversAreForgotten) {
  const int count = static_cast<int>(FailoverHistory::kMost) + 10;
  for (int i = 0; i < count; ++i) {
    Note(3 * i, State::kIdle, State::kBuffering, "a");
    Note(3 * i + 1, State::kBuffering, State::kDraining, "b");
    Note(3 * i + 2, State::kDraining, State::kIdle, "c");
  }
  EXPECT_EQ(history_.Latest().size(), FailoverHistory::kMost);
  EXPECT_EQ(history_.Latest()[0].began, absl::FromUnixSeconds(3 * (count - 1)));
}

TEST_F(FailoverHistoryTest, TheEndOfAForgottenFailoverIsHarmless) {
  Note(1, State::kBuffering, State::kDraining, "b");
  EXPECT_TRUE(history_.Latest().empty());
}

}  // namespace
}  // namespace proxy::test

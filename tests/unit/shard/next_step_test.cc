// This test covers the whole state machine: it tries every event in every state.
#include "shard/next_step.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <utility>

namespace failover::internal {
namespace {

struct Row {
  State state;
  Event event;
  Step step;
};

constexpr std::array<Row, 24> kTable = {{
    {State::kIdle, Event::kRequest, Step::kPass},
    {State::kIdle, Event::kRequestWithoutPrimary, Step::kStart},
    {State::kIdle, Event::kFailedRequest, Step::kStart},
    {State::kIdle, Event::kRefusedRetry, Step::kStart},
    {State::kIdle, Event::kPrimaryDown, Step::kIgnore},
    {State::kIdle, Event::kStartCommand, Step::kStart},
    {State::kIdle, Event::kFailoverEnd, Step::kIgnore},
    {State::kIdle, Event::kDrainEnd, Step::kCannotHappen},
    {State::kBuffering, Event::kRequest, Step::kHold},
    {State::kBuffering, Event::kRequestWithoutPrimary, Step::kHold},
    {State::kBuffering, Event::kFailedRequest, Step::kHold},
    {State::kBuffering, Event::kRefusedRetry, Step::kHold},
    {State::kBuffering, Event::kPrimaryDown, Step::kIgnore},
    {State::kBuffering, Event::kStartCommand, Step::kIgnore},
    {State::kBuffering, Event::kFailoverEnd, Step::kStop},
    {State::kBuffering, Event::kDrainEnd, Step::kCannotHappen},
    {State::kDraining, Event::kRequest, Step::kPass},
    {State::kDraining, Event::kRequestWithoutPrimary, Step::kStart},
    {State::kDraining, Event::kFailedRequest, Step::kJoin},
    {State::kDraining, Event::kRefusedRetry, Step::kStart},
    {State::kDraining, Event::kPrimaryDown, Step::kStart},
    {State::kDraining, Event::kStartCommand, Step::kIgnore},
    {State::kDraining, Event::kFailoverEnd, Step::kIgnore},
    {State::kDraining, Event::kDrainEnd, Step::kFinish},
}};

TEST(NextStepTest, EveryEventInEveryStateHasItsStep) {
  for (const Row& row : kTable) {
    EXPECT_EQ(NextStep(row.state, row.event), row.step)
        << ToString(row.state) << ", event " << static_cast<int>(row.event);
  }
}

TEST(NextStepTest, TheTableAboveIsWhole) {
  constexpr std::size_t kStates = 3;
  constexpr std::size_t kEvents = 8;
  std::set<std::pair<State, Event>> pairs;
  for (const Row& row : kTable) pairs.emplace(row.state, row.event);
  EXPECT_EQ(pairs.size(), kStates * kEvents);
}

}  // namespace
}  // namespace failover::internal

// The life of a Buffer: every state with every event, and the paths through them.
#include "api/lifecycle.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <ostream>
#include <set>
#include <string>
#include <utility>

namespace failover::internal {
namespace {

using State = LifecycleState;
using Event = LifecycleEvent;
using Step = LifecycleStep;

struct Row {
  State state;
  Event event;
  State next;
  Step step;
};

constexpr std::array<const char*, 6> kStates = {"Open",      "Closing",  "Closed",
                                                "Finishing", "ShutDown", "Destroyed"};
constexpr std::array<const char*, 8> kEvents = {
    "Shutdown", "ShutdownInCallback", "Begin",        "Polled",
    "LastTurn", "Destruction",        "ShardsClosed", "Finished"};

std::string NameOf(State state) { return kStates.at(static_cast<std::size_t>(state)); }
std::string NameOf(Event event) { return kEvents.at(static_cast<std::size_t>(event)); }

void PrintTo(const Row& row, std::ostream* out) {
  *out << NameOf(row.state) << ", " << NameOf(row.event);
}

constexpr std::array<Row, kStates.size() * kEvents.size()> kTable = {{
    {State::kOpen, Event::kShutdown, State::kClosing, Step::kClose},
    {State::kOpen, Event::kShutdownInCallback, State::kClosing, Step::kClose},
    {State::kOpen, Event::kBegin, State::kClosing, Step::kClose},
    {State::kOpen, Event::kPolled, State::kOpen, Step::kImpossible},
    {State::kOpen, Event::kLastTurn, State::kOpen, Step::kImpossible},
    {State::kOpen, Event::kDestruction, State::kClosing, Step::kClose},
    {State::kOpen, Event::kShardsClosed, State::kOpen, Step::kImpossible},
    {State::kOpen, Event::kFinished, State::kOpen, Step::kImpossible},

    {State::kClosing, Event::kShutdown, State::kClosing, Step::kWait},
    {State::kClosing, Event::kShutdownInCallback, State::kClosing, Step::kReturn},
    {State::kClosing, Event::kBegin, State::kClosing, Step::kReturn},
    {State::kClosing, Event::kPolled, State::kClosing, Step::kReturn},
    {State::kClosing, Event::kLastTurn, State::kClosing, Step::kWait},
    {State::kClosing, Event::kDestruction, State::kClosing, Step::kWait},
    {State::kClosing, Event::kShardsClosed, State::kClosed, Step::kReturn},
    {State::kClosing, Event::kFinished, State::kClosing, Step::kImpossible},

    {State::kClosed, Event::kShutdown, State::kFinishing, Step::kFinish},
    {State::kClosed, Event::kShutdownInCallback, State::kClosed, Step::kReturn},
    {State::kClosed, Event::kBegin, State::kClosed, Step::kReturn},
    {State::kClosed, Event::kPolled, State::kFinishing, Step::kFinish},
    {State::kClosed, Event::kLastTurn, State::kClosed, Step::kReturn},
    {State::kClosed, Event::kDestruction, State::kFinishing, Step::kFinish},
    {State::kClosed, Event::kShardsClosed, State::kClosed, Step::kImpossible},
    {State::kClosed, Event::kFinished, State::kClosed, Step::kImpossible},

    {State::kFinishing, Event::kShutdown, State::kFinishing, Step::kWait},
    {State::kFinishing, Event::kShutdownInCallback, State::kFinishing, Step::kReturn},
    {State::kFinishing, Event::kBegin, State::kFinishing, Step::kReturn},
    {State::kFinishing, Event::kPolled, State::kFinishing, Step::kReturn},
    {State::kFinishing, Event::kLastTurn, State::kFinishing, Step::kReturn},
    {State::kFinishing, Event::kDestruction, State::kFinishing, Step::kWait},
    {State::kFinishing, Event::kShardsClosed, State::kFinishing, Step::kImpossible},
    {State::kFinishing, Event::kFinished, State::kShutDown, Step::kReturn},

    {State::kShutDown, Event::kShutdown, State::kShutDown, Step::kReturn},
    {State::kShutDown, Event::kShutdownInCallback, State::kShutDown, Step::kImpossible},
    {State::kShutDown, Event::kBegin, State::kShutDown, Step::kReturn},
    {State::kShutDown, Event::kPolled, State::kShutDown, Step::kReturn},
    {State::kShutDown, Event::kLastTurn, State::kShutDown, Step::kReturn},
    {State::kShutDown, Event::kDestruction, State::kDestroyed, Step::kDestroy},
    {State::kShutDown, Event::kShardsClosed, State::kShutDown, Step::kImpossible},
    {State::kShutDown, Event::kFinished, State::kShutDown, Step::kImpossible},

    {State::kDestroyed, Event::kShutdown, State::kDestroyed, Step::kReturn},
    {State::kDestroyed, Event::kShutdownInCallback, State::kDestroyed, Step::kImpossible},
    {State::kDestroyed, Event::kBegin, State::kDestroyed, Step::kReturn},
    {State::kDestroyed, Event::kPolled, State::kDestroyed, Step::kReturn},
    {State::kDestroyed, Event::kLastTurn, State::kDestroyed, Step::kImpossible},
    {State::kDestroyed, Event::kDestruction, State::kDestroyed, Step::kImpossible},
    {State::kDestroyed, Event::kShardsClosed, State::kDestroyed, Step::kImpossible},
    {State::kDestroyed, Event::kFinished, State::kDestroyed, Step::kImpossible},
}};

class TransitionTest : public ::testing::TestWithParam<Row> {};

TEST_P(TransitionTest, IsAsTheTableSays) {
  const Row& row = GetParam();
  const LifecycleTransition transition = NextTransition(row.state, row.event);
  EXPECT_EQ(transition.next, row.next);
  EXPECT_EQ(transition.step, row.step);
}

INSTANTIATE_TEST_SUITE_P(All, TransitionTest, ::testing::ValuesIn(kTable), [](const auto& row) {
  return NameOf(row.param.state) + NameOf(row.param.event);
});

TEST(LifecycleTest, TheTableAboveIsWhole) {
  std::set<std::pair<State, Event>> pairs;
  for (const Row& row : kTable) pairs.emplace(row.state, row.event);
  EXPECT_EQ(pairs.size(), kTable.size());
}

// A transition may lead on, or stay, but never back.
TEST(LifecycleTest, NoTransitionLeadsBack) {
  for (const Row& row : kTable) EXPECT_GE(row.next, row.state);
}

class LifecyclePathTest : public ::testing::Test {
 protected:
  class Owner final : public RefCounted {
   public:
    explicit Owner(bool* gone) : gone_(gone) {}
    ~Owner() override { *gone_ = true; }

   private:
    bool* gone_;
  };

  bool owner_is_gone_ = false;
  Owner* const owner_ = new Owner(&owner_is_gone_);
  Lifecycle lifecycle_{*owner_};
};

TEST_F(LifecyclePathTest, AShutdownAndThenTheDestructor) {
  EXPECT_EQ(lifecycle_.Advance(Event::kShutdown), Step::kClose);
  EXPECT_EQ(lifecycle_.Advance(Event::kShardsClosed), Step::kReturn);
  EXPECT_EQ(lifecycle_.Advance(Event::kShutdown), Step::kFinish);
  EXPECT_EQ(lifecycle_.Advance(Event::kFinished), Step::kReturn);
  EXPECT_EQ(lifecycle_.Advance(Event::kShutdown), Step::kReturn);
  EXPECT_EQ(lifecycle_.Advance(Event::kShutdown), Step::kReturn);
  EXPECT_EQ(lifecycle_.Advance(Event::kDestruction), Step::kDestroy);
  lifecycle_.AwaitCallers();
  owner_->Unref();
}

TEST_F(LifecyclePathTest, ACallbackShutsDownAndTheDestructorFinishes) {
  EXPECT_EQ(lifecycle_.Advance(Event::kShutdownInCallback), Step::kClose);
  EXPECT_EQ(lifecycle_.Advance(Event::kShardsClosed), Step::kReturn);
  EXPECT_EQ(lifecycle_.Advance(Event::kShutdownInCallback), Step::kReturn);
  EXPECT_EQ(lifecycle_.Advance(Event::kDestruction), Step::kFinish);
  EXPECT_EQ(lifecycle_.Advance(Event::kFinished), Step::kReturn);
  EXPECT_EQ(lifecycle_.Advance(Event::kDestruction), Step::kDestroy);
  owner_->Unref();
}

TEST_F(LifecyclePathTest, ACallbackDestroysTheBuffer) {
  EXPECT_EQ(lifecycle_.Advance(Event::kShutdownInCallback), Step::kClose);
  EXPECT_EQ(lifecycle_.Advance(Event::kShardsClosed), Step::kReturn);
  EXPECT_EQ(lifecycle_.Advance(Event::kLastTurn), Step::kReturn);
  EXPECT_EQ(lifecycle_.Advance(Event::kDestruction), Step::kFinish);
  EXPECT_EQ(lifecycle_.Advance(Event::kFinished), Step::kReturn);
  EXPECT_EQ(lifecycle_.Advance(Event::kDestruction), Step::kDestroy);
  owner_->Unref();
}

TEST_F(LifecyclePathTest, ACallerKeepsTheOwnerAlive) {
  {
    const Lifecycle::Caller caller(lifecycle_);
    owner_->Unref();
    EXPECT_FALSE(owner_is_gone_);
  }
  EXPECT_TRUE(owner_is_gone_);
}

TEST_F(LifecyclePathTest, TheWaitForSlotsEndsWhenAllAreFreeOrAtTheDeadline) {
  SlotPool pool(1, 0);
  lifecycle_.AwaitSlots(pool, std::chrono::steady_clock::time_point::max());
  ASSERT_EQ(pool.TakeSlot(), SlotAnswer::kTaken);
  lifecycle_.AwaitSlots(pool, std::chrono::steady_clock::now());
  EXPECT_EQ(pool.free_slots(), 0);
  owner_->Unref();
}

}  // namespace
}  // namespace failover::internal

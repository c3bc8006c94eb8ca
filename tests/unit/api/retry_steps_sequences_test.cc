// This test plays every sequence of events that RetrySteps may see, up to a length, and compares
// each step with the rules.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "failover/retry_steps.h"
#include "retry_steps_test.h"

namespace failover::test {
namespace {

// One event, and what the wait or the attempt ended with.
struct Event {
  enum class Kind : std::uint8_t {
    kPassed,
    kHeld,
    kRefusedByBuffer,
    kTimeIsOver,
    kAttempt,
    kNotSent
  };
  Kind kind;
  Attempt attempt = Attempt::kNone;
};

// Every sequence of events up to a length, one after the other. A sequence ends where the request
// finishes, so no event that would be misuse is ever tried.
class EverySequenceTest : public RetryStepsTest {
 protected:
  static constexpr int kMaxAttempts = 3;
  static constexpr int kMaxEvents = 8;

  void Explore(const std::vector<Event>& so_far) {
    const Step step = Replay(so_far);
    ++sequences_;
    if (HasFailure() || step == Step::kFinish || so_far.size() == kMaxEvents) return;
    if (step == Step::kAttempt) {
      for (const Attempt attempt : kEveryEnd) {
        ExploreWith(so_far, {Event::Kind::kAttempt, attempt});
      }
      ExploreWith(so_far, {Event::Kind::kNotSent});
    } else {
      for (const Event::Kind kind : {Event::Kind::kPassed, Event::Kind::kHeld,
                                     Event::Kind::kRefusedByBuffer, Event::Kind::kTimeIsOver}) {
        ExploreWith(so_far, {kind});
      }
    }
  }

  int sequences_ = 0;

 private:
  void ExploreWith(std::vector<Event> so_far, Event next) {
    so_far.push_back(next);
    Explore(so_far);
  }

  // Returns the step after the events. Checks on the way that each step follows from the rules, and
  // at the end that each token ended once, in the right way.
  Step Replay(const std::vector<Event>& events) {
    const int first_token = tokens_ + 1;
    std::vector<Told> expected_ends;
    Step step;
    {
      RetrySteps steps(RetryPolicy{kMaxAttempts});
      step = steps.Start(Now(), {});
      // What the rules say, told from the events alone.
      bool has_token = false;
      int attempts_since_hold = 0;
      bool window_is_over = false;
      for (const Event& event : events) {
        if (event.kind == Event::Kind::kAttempt) {
          EXPECT_EQ(step, Step::kAttempt);
          ++attempts_since_hold;
          step = steps.AttemptEnded(event.attempt);
          const bool again = IsRefused(event.attempt) && attempts_since_hold < kMaxAttempts;
          EXPECT_EQ(step, again ? Step::kWait : Step::kFinish);
          EXPECT_EQ(steps.last(), event.attempt);
          if (has_token && !again) {
            const bool ok = event.attempt == Attempt::kSucceeded;
            expected_ends.back() = ok ? Told::kSucceeded : Told::kFailed;
          }
          continue;
        }
        if (event.kind == Event::Kind::kNotSent) {
          EXPECT_EQ(step, Step::kAttempt);
          const bool again = ++attempts_since_hold < kMaxAttempts;
          step = steps.NotSent(Now(), OtherError());
          EXPECT_EQ(step, !again ? Step::kFinish : has_token ? Step::kAttempt : Step::kWait);
          EXPECT_EQ(steps.last(), Attempt::kNone);
          continue;
        }
        EXPECT_EQ(step, Step::kWait);
        // The Buffer ends a token that it gets back, in its own way. Here this is an untold end.
        EXPECT_EQ(static_cast<bool>(steps.TakePrevious()), has_token);
        window_is_over |= has_token && event.kind == Event::Kind::kPassed;
        has_token = event.kind == Event::Kind::kHeld;
        if (has_token) {
          if (!window_is_over) attempts_since_hold = 0;
          expected_ends.push_back(Told::kUntold);
          step = steps.WaitEnded(HeldToken());
        } else if (event.kind == Event::Kind::kPassed) {
          step = steps.WaitEnded(RetryDoneFunc());
        } else {
          step = steps.WaitEnded(event.kind == Event::Kind::kTimeIsOver
                                     ? absl::DeadlineExceededError("time")
                                     : absl::UnavailableError("full"));
          EXPECT_EQ(step, Step::kFinish);
        }
      }
      EXPECT_EQ(steps.step(), step);
      if (step == Step::kFinish) {
        EXPECT_EQ(steps.result().ok(), steps.last() == Attempt::kSucceeded);
      }
    }
    for (std::size_t i = 0; i < expected_ends.size(); ++i) {
      EXPECT_EQ(EndOf(first_token + static_cast<int>(i)), expected_ends[i]) << "token " << i;
    }
    return step;
  }
};

// In particular no sequence goes on after kSucceeded, kFailed or kUnknown.
TEST_F(EverySequenceTest, FollowsTheRules) {
  Explore({});
  EXPECT_GT(sequences_, 1000) << "the search ended early";
}

}  // namespace
}  // namespace failover::test

// Every pair of operations on one shard, in both orders, through each window of the first: while it
// stands between its look without the lock and its lock, or between its decision and what follows
// from it, the second runs from its beginning to its end, or until it has to wait for the first.
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "scene.h"
#include "sync_points.h"

namespace failover::test {
namespace {

struct Operation {
  const char* name;
  void (Scene::*run)();
  // Where it can be stopped.
  std::vector<const char*> windows;
};

const std::array<Operation, 11>& Operations() {
  static const std::array<Operation, 11> operations = {{
      {"Submit", &Scene::Submit, {"submit:before-lock", "submit:after-lock"}},
      {"Cancel", &Scene::Cancel, {"cancel:before-lock", "cancel:after-lock"}},
      {"CancelBlocked",
       &Scene::CancelBlocked,
       {"cancellation:before-lock", "cancellation:after-lock"}},
      {"FireTimers",
       &Scene::FireTimers,
       {"timer:before-lock", "timer:after-lock", "callback:before", "poll:before-end"}},
      {"ReportNewPrimary", &Scene::ReportNewPrimary, {"report:before-lock", "report:after-lock"}},
      {"EndRetry", &Scene::EndRetry, {"retry-end:before-lock", "retry-end:after-lock"}},
      {"EndKeyspaceEvent", &Scene::EndKeyspaceEvent, {"event:before-lock", "event:after-lock"}},
      {"Start", &Scene::Start, {"start-command:before-lock", "start-command:after-lock"}},
      {"Stop", &Scene::Stop, {"stop-command:before-lock", "stop-command:after-lock"}},
      {"Shutdown",
       &Scene::Shutdown,
       {"close:before-lock", "close:after-lock", "shutdown:before-retire"}},
      {"DestroyHandle", &Scene::DestroyHandle, {"cancel:before-lock", "cancel:after-lock"}},
  }};
  return operations;
}

// Returns whether `first` came to its window.
bool Race(Phase phase, const Operation& first, const char* window, const Operation& second) {
  Scene scene(phase);
  StopAt stop(window);
  Step one([&] { (scene.*first.run)(); });
  EXPECT_TRUE(one.EndsOrStands());
  const bool came = stop.reached();
  Step two([&] { (scene.*second.run)(); });
  EXPECT_TRUE(two.EndsOrStands());
  stop.LetGo();
  EXPECT_TRUE(one.Join());
  EXPECT_TRUE(two.Join());
  return came;
}

class PairsTest : public ::testing::TestWithParam<Operation> {};

TEST_P(PairsTest, LeavesNothingLostOrDoubledOrStranded) {
  const Operation& first = GetParam();
  for (const char* const window : first.windows) {
    int came = 0;
    for (const Phase phase : {Phase::kBuffering, Phase::kDraining}) {
      for (const Operation& second : Operations()) {
        SCOPED_TRACE(std::string(first.name) + " at " + window + ", then " + second.name +
                     (phase == Phase::kBuffering ? ", buffering" : ", draining"));
        came += Race(phase, first, window, second) ? 1 : 0;
      }
    }
    EXPECT_GT(came, 0) << "no run came by " << window;
  }
}

INSTANTIATE_TEST_SUITE_P(All, PairsTest, ::testing::ValuesIn(Operations()),
                         [](const auto& operation) { return std::string(operation.param.name); });

}  // namespace
}  // namespace failover::test

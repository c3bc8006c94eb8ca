// Every pair of operations on one shard, in both orders, through each window of the first
// operation. The first operation stands in its window: between its look without the lock and the
// lock, or between its decision and the steps that follow. Meanwhile the second operation runs from
// its beginning to its end, or until it has to wait for the first.
#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <string>
#include <vector>

#include "scene.h"
#include "support/log_capture.h"
#include "sync_points.h"

namespace failover::test {
namespace {

using Phases = std::vector<Phase>;

const Phases& Always() {
  static const Phases phases = {Phase::kIdle, Phase::kBuffering, Phase::kReleased,
                                Phase::kDraining};
  return phases;
}

// The phases in which a request has been held before.
const Phases& OnceHeld() {
  static const Phases phases = {Phase::kBuffering, Phase::kReleased, Phase::kDraining};
  return phases;
}

// The phases in which a request that a failover made fail has to ask whether it is held. In a drain
// it passes.
const Phases& WhileFailuresStop() {
  static const Phases phases = {Phase::kIdle, Phase::kBuffering};
  return phases;
}

// Where an operation can be stopped.
struct Window {
  const char* point;
  // The phases in which the operation always comes by this point.
  Phases phases;
  // How often the operation comes by this point before it is stopped.
  int passes = 0;
  // Whether the operation holds the mutex of the shard at this point.
  bool locked = false;
};

struct Operation {
  const char* name;
  void (Scene::*run)();
  std::vector<Window> windows;
  // Whether the operation never asks for the mutex of the shard.
  bool needs_no_shard = false;
};

void PrintTo(const Operation& operation, std::ostream* out) { *out << operation.name; }

const char* NameOf(Phase phase) {
  switch (phase) {
    case Phase::kIdle:
      return "idle";
    case Phase::kBuffering:
      return "buffering";
    case Phase::kReleased:
      return "released";
    case Phase::kDraining:
      return "draining";
  }
  return "";
}

const std::array<Operation, 25>& Operations() {
  static const std::array<Operation, 25> operations = {{
      {"Submit",
       &Scene::Submit,
       {{"submit:before-lock", WhileFailuresStop()}, {"submit:after-lock", WhileFailuresStop()}}},
      {"SubmitWithoutFailure",
       &Scene::SubmitWithoutFailure,
       {{"submit:before-lock", {Phase::kBuffering}}, {"submit:after-lock", {Phase::kBuffering}}}},
      {"SubmitToNewShard",
       &Scene::SubmitToNewShard,
       {{"make-known:before-lock", Always()},
        {"submit:before-lock", Always()},
        {"submit:after-lock", Always()}},
       /*needs_no_shard=*/true},
      {"Wait",
       &Scene::Wait,
       {{"submit:before-lock", WhileFailuresStop()},
        {"submit:after-lock", WhileFailuresStop()},
        {"wait:before-block", WhileFailuresStop()}}},
      {"Await",
       &Scene::Await,
       {{"submit:before-lock", WhileFailuresStop()}, {"submit:after-lock", WhileFailuresStop()}}},
      {"Cancel",
       &Scene::Cancel,
       {{"cancel:before-lock", OnceHeld()},
        {"cancel:took-back", {Phase::kReleased}, /*passes=*/0, /*locked=*/true},
        {"cancel:after-lock", OnceHeld()}}},
      {"CancelBlocked",
       &Scene::CancelBlocked,
       {{"cancellation:before-lock", Always()}, {"cancellation:after-lock", Always()}}},
      {"DestroyHandle",
       &Scene::DestroyHandle,
       {{"cancel:before-lock", OnceHeld()}, {"cancel:after-lock", OnceHeld()}}},
      {"DetachHandle", &Scene::DetachHandle, {}, /*needs_no_shard=*/true},
      {"CompleteHandle",
       &Scene::CompleteHandle,
       {{"complete:before-lock", OnceHeld()}, {"complete:after-lock", OnceHeld()}}},
      {"CancelAndDestroyHandle",
       &Scene::CancelAndDestroyHandle,
       {{"cancel:before-lock", OnceHeld()}, {"cancel:after-lock", OnceHeld()}}},
      {"FireTimers",
       &Scene::FireTimers,
       {{"timer:before-lock", OnceHeld()},
        {"timer:after-lock", OnceHeld()},
        {"callback:before", OnceHeld()},
        {"poll:before-end", OnceHeld()},
        {"poll:ended", OnceHeld()}}},
      {"ReportNewPrimary",
       &Scene::ReportNewPrimary,
       {{"report:before-lock", Always()}, {"report:after-lock", Always()}}},
      {"ReportPrimaryDownAndBack",
       &Scene::ReportPrimaryDownAndBack,
       {{"report:before-lock", Always()},
        {"report:after-lock", Always()},
        {"report:before-lock", Always(), /*passes=*/1},
        {"report:after-lock", Always(), /*passes=*/1}}},
      {"EndRetry",
       &Scene::EndRetry,
       {{"retry-end:before-lock", OnceHeld()}, {"retry-end:after-lock", OnceHeld()}}},
      {"EndKeyspaceEvent",
       &Scene::EndKeyspaceEvent,
       {{"event:before-lock", Always()}, {"event:after-lock", Always()}}},
      {"ServingKeyspaceEvent",
       &Scene::ServingKeyspaceEvent,
       {{"event:before-lock", Always()}, {"event:after-lock", Always()}}},
      {"MoveTablesEvent",
       &Scene::MoveTablesEvent,
       {{"event:before-lock", Always()},
        {"event:after-lock", Always()},
        {"make-known:before-lock", Always()},
        {"event:after-lock", Always(), /*passes=*/1}}},
      {"Start",
       &Scene::Start,
       {{"start-command:before-lock", Always()}, {"start-command:after-lock", Always()}}},
      {"Stop",
       &Scene::Stop,
       {{"stop-command:before-lock", Always()}, {"stop-command:after-lock", Always()}}},
      {"GetNewShard",
       &Scene::GetNewShard,
       {{"make-known:before-lock", Always()}},
       /*needs_no_shard=*/true},
      {"Reconfigure",
       &Scene::Reconfigure,
       {{"reconfigure:adopted", Always()},
        {"reconfigure:before-lock", Always()},
        {"reconfigure:after-lock", Always()}}},
      {"Scrape", &Scene::Scrape, {}},
      {"BeginShutdown",
       &Scene::BeginShutdown,
       {{"close:before-lock", Always()},
        {"close:after-lock", Always()},
        {"begin-shutdown:before-wake", Always()}}},
      {"Shutdown",
       &Scene::Shutdown,
       {{"close:before-lock", Always()},
        {"close:after-lock", Always()},
        {"shutdown:before-retire", Always()}}},
  }};
  return operations;
}

void Race(Phase phase, const Operation& first, const Window& window, const Operation& second) {
  Scene scene(phase);
  StopAt stop(window.point, window.passes);
  Step one([&] { (scene.*first.run)(); });
  EXPECT_TRUE(one.EndsOrStands());
  EXPECT_TRUE(stop.reached()) << "it does not come by";
  Step two([&] { (scene.*second.run)(); });
  EXPECT_TRUE(two.EndsOrStands());
  stop.LetGo();
  EXPECT_TRUE(one.Join());
  EXPECT_TRUE(two.Join());
}

class PairsTest : public ::testing::TestWithParam<Operation> {
 private:
  // Keeps the log lines from the output. The library makes them, but no test reads them.
  LogCapture log_;
};

TEST_P(PairsTest, LeavesNothingLostOrDoubledOrStranded) {
  const Operation& first = GetParam();
  for (const Window& window : first.windows) {
    for (const Phase phase : window.phases) {
      for (const Operation& second : Operations()) {
        if (window.locked && !second.needs_no_shard) continue;
        SCOPED_TRACE(std::string(first.name) + " at " + window.point + ", then " + second.name +
                     ", " + NameOf(phase) +
                     (window.passes > 0 ? ", the second time that it comes by" : ""));
        Race(phase, first, window, second);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, PairsTest, ::testing::ValuesIn(Operations()),
                         [](const auto& operation) { return std::string(operation.param.name); });

}  // namespace
}  // namespace failover::test

// A hostile or broken server may cost its own check, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <ostream>
#include <string>

#include "driven_probe.h"
#include "watch/metered_link.h"

namespace failover::mysql::internal {
namespace {

using testing::HasSubstr;

// What the kernel's buffers of both sides may hold beside what the probe has read.
constexpr std::size_t kBuffers = std::size_t{16} << 20;

struct FloodCase {
  std::string name;
  FakeServer::Mode mode;
};

void PrintTo(const FloodCase& flood, std::ostream* out) { *out << flood.name; }

class FloodTest : public testing::TestWithParam<FloodCase> {};

TEST_P(FloodTest, IsNotReadToItsEnd) {
  static_assert(kBuffers < FakeServer::kFlood);
  FakeServer::State state;
  state.mode = GetParam().mode;
  FakeServer fake(state);
  DrivenProbe probe(ServerOf(fake));
  const Observation found = probe.Poll();
  EXPECT_EQ(found.seen, Seen::kUnreachable) << found.problem;
  ASSERT_TRUE(fake.AwaitNoConnection());
  EXPECT_LT(fake.flooded(), kBuffers);
}

// Each step reads a little, so that the checks of other servers go on in between.
TEST_P(FloodTest, EndsAtTheDeadlineWhateverArrives) {
  FakeServer::State state;
  state.mode = GetParam().mode;
  FakeServer fake(state);
  DrivenProbe probe(ServerOf(fake));
  probe.probe().Begin();
  while (probe.probe().busy() && fake.flooded() == 0) probe.Step();
  for (int i = 0; i < 2 && probe.probe().busy(); ++i) probe.Step();
  if (probe.probe().busy()) {
    probe.probe().Expire();
    EXPECT_EQ(probe.probe().observation().seen, Seen::kHung);
  }
  ASSERT_TRUE(fake.AwaitNoConnection());
  EXPECT_LT(fake.flooded(), kBuffers);
}

INSTANTIATE_TEST_SUITE_P(Hostile, FloodTest,
                         testing::Values(FloodCase{"Greeting", FakeServer::Mode::kEndlessGreeting},
                                         FloodCase{"Columns", FakeServer::Mode::kEndlessColumns},
                                         FloodCase{"Rows", FakeServer::Mode::kEndlessRows},
                                         FloodCase{"Row", FakeServer::Mode::kHugeRow}),
                         [](const auto& flood) { return flood.param.name; });

TEST(ProbeHostileTest, ServerThatTricklesIsHungAtTheDeadline) {
  FakeServer::State state;
  state.mode = FakeServer::Mode::kTrickle;
  FakeServer fake(state);
  DrivenProbe probe(ServerOf(fake));
  probe.probe().Begin();
  for (int i = 0; i < 20; ++i) {
    probe.Step();
    ASSERT_TRUE(probe.probe().busy());
  }
  probe.probe().Expire();
  EXPECT_EQ(probe.probe().observation().seen, Seen::kHung);
  EXPECT_TRUE(fake.AwaitNoConnection());
}

TEST(ProbeHostileTest, TextOfAServerForgesNoLogLine) {
  FakeServer::State state;
  state.mode = FakeServer::Mode::kRefuseLogin;
  state.error_text = "no\n[error] all is lost\x1b[2J";
  FakeServer fake(state);
  DrivenProbe probe(ServerOf(fake));
  const std::string problem = probe.Poll().problem;
  EXPECT_THAT(problem, HasSubstr("no?[error] all is lost?[2J"));
}

TEST(ProbeHostileTest, MeterBeginsAnewWithEachCheck) {
  FakeServer fake{{}};
  DrivenProbe probe(ServerOf(fake));
  // An answer has more than 100 bytes.
  for (std::size_t i = 0; i < MeteredLink::kMostBytes / 100; ++i) {
    ASSERT_EQ(probe.Poll().seen, Seen::kWritable);
  }
  EXPECT_EQ(fake.connections(), 1);
}

}  // namespace
}  // namespace failover::mysql::internal

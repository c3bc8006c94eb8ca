// These tests cover the errors that a Buffer returns: how the reason gets into an error and out
// again.
#include "shard/buffer_error.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace failover::internal {
namespace {

absl::Status ErrorOf(BufferErrorReason reason) {
  return BufferError(reason, "ks", "-80", "what was seen", absl::StatusCode::kOk, "");
}

TEST(BufferErrorTest, ReasonOfFindsEveryReasonThatHasAName) {
  int reasons = 0;
  for (int value = 0; value <= std::numeric_limits<std::uint8_t>::max(); ++value) {
    const auto reason = static_cast<BufferErrorReason>(value);
    if (ToString(reason) == "?") continue;
    ++reasons;
    EXPECT_EQ(ReasonOf(ErrorOf(reason)), reason) << ToString(reason);
  }
  EXPECT_GE(reasons, 5);
}

TEST(BufferErrorTest, AnUnknownNameIsNoReason) {
  for (const std::string_view name : {"", "?", "Tired", "Evicted "}) {
    absl::Status error = ErrorOf(BufferErrorReason::kEvicted);
    error.SetPayload("failover/reason", absl::Cord(absl::string_view(name.data(), name.size())));
    EXPECT_EQ(ReasonOf(error), std::nullopt) << name;
  }
}

TEST(BufferErrorTest, AnErrorWithoutTextHasNoReason) {
  EXPECT_EQ(ReasonOf(BufferErrorWithoutText(BufferErrorReason::kTimeout)), std::nullopt);
  EXPECT_EQ(BufferErrorWithoutText(BufferErrorReason::kTimeout).code(),
            absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace failover::internal

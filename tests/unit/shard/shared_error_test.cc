// These tests cover an error that many requests share instead of getting a copy each.
#include <gtest/gtest.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "shard/buffer_error.h"

namespace failover::internal {
namespace {

class SharedErrorTest : public testing::Test {
 protected:
  absl::Status Get() {
    return error_->Get([this] {
      ++made_;
      return absl::UnavailableError(text_);
    });
  }

  const char* text_ = "full";
  int made_ = 0;
  std::optional<SharedError> error_{std::in_place};
};

TEST_F(SharedErrorTest, IsMadeForTheFirstAndGivenToAll) {
  const absl::Status first = Get();
  const absl::Status second = Get();
  EXPECT_EQ(first, absl::UnavailableError("full"));
  EXPECT_EQ(second, first);
  EXPECT_EQ(second.message().data(), first.message().data());
  EXPECT_EQ(made_, 1);
}

TEST_F(SharedErrorTest, NobodySeesWhatAnotherDoesToHis) {
  absl::Status first = Get();
  first.SetPayload("note", absl::Cord("mine"));
  EXPECT_EQ(Get().GetPayload("note"), absl::nullopt);
}

TEST_F(SharedErrorTest, OutlivesWhereItCameFrom) {
  const absl::Status first = Get();
  error_.reset();
  EXPECT_EQ(first.message(), "full");
}

TEST_F(SharedErrorTest, OneThatLostItsTextIsNotGivenToTheNext) {
  text_ = "";
  EXPECT_EQ(Get().message(), "");
  text_ = "full";
  EXPECT_EQ(Get().message(), "full");
  EXPECT_EQ(made_, 2);
}

}  // namespace
}  // namespace failover::internal

// TabletStats::observed_at of the reports: when the server was asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/time.h"
#include "primary_tracker_fixture.h"

namespace failover::watch::internal {
namespace {

using testing::ElementsAre;

TEST_F(PrimaryTrackerTest, ReportCarriesTheTimeWhenItsCheckBegan) {
  Begin(kA);
  const absl::Time began = clock_;
  Poll(kB, Seen::kReadOnly);
  EXPECT_EQ(stamps_[kB], clock_);
  Poll(kC, Seen::kReadOnly);
  EndPoll(kA, Seen::kWritable);
  ASSERT_THAT(reports_, ElementsAre("0 primary+"));
  EXPECT_EQ(stamps_[kA], began) << "not the time when the answer came";
  Poll(kA, Seen::kWritable);
  EXPECT_EQ(stamps_[kA], clock_) << "also if nothing has changed";
}

// A is asked first, and becomes the primary because of the last answer of another server.
TEST_F(PrimaryTrackerTest, ServerThatServesBecauseOfAnotherIsAsOldAsItsOwnCheck) {
  Poll(kA, Seen::kWritable);
  const absl::Time asked = clock_;
  Poll(kB, Seen::kReadOnly);
  Poll(kC, Seen::kReadOnly);
  ASSERT_THAT(reports_, ElementsAre("2 replica+", "0 primary+"));
  EXPECT_EQ(stamps_[kA], asked);
}

TEST_F(PrimaryTrackerTest, PrimaryThatARivalSuspendsIsAsOldAsTheCheckOfTheRival) {
  StartWithA();
  Begin(kA);  // asked before the rival is seen, answers after it
  Poll(kB, Seen::kWritable);
  const absl::Time rival_seen = clock_;
  ASSERT_THAT(reports_, ElementsAre("1 ?", "0 primary"));
  EXPECT_EQ(stamps_[kA], rival_seen);
  EndPoll(kA, Seen::kWritable);
  ASSERT_THAT(reports_, ElementsAre("0 primary"));
  EXPECT_EQ(stamps_[kA], rival_seen) << "the stamps of a server do not go back";

  Poll(kB, Seen::kReadOnly);
  Poll(kA, Seen::kWritable);
  ASSERT_THAT(reports_, ElementsAre("0 primary+"));
  EXPECT_EQ(stamps_[kA], clock_);
}

}  // namespace
}  // namespace failover::watch::internal

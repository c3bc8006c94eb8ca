// These tests cover failover/version.h.
#include "failover/version.h"

#include <gtest/gtest.h>

#include <string>

namespace failover::test {
namespace {

TEST(VersionTest, TheHeaderHasTheVersionOfTheProject) {
  EXPECT_EQ(std::to_string(FAILOVER_VERSION_MAJOR) + "." + std::to_string(FAILOVER_VERSION_MINOR) +
                "." + std::to_string(FAILOVER_VERSION_PATCH),
            FAILOVER_PROJECT_VERSION);
}

TEST(VersionTest, TheLibraryTellsItsVersion) {
  EXPECT_EQ(LinkedVersion(), FAILOVER_VERSION);
  EXPECT_STREQ(LinkedVersionText(), FAILOVER_PROJECT_VERSION);
}

}  // namespace
}  // namespace failover::test

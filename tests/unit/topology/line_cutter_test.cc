#include "topology/line_cutter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace failover::topology::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(LineCutterTest, ThePlaceOfACutDoesNotMatter) {
  constexpr std::string_view kText = "one\n\ntwo\r\nthree\nrest";
  for (std::size_t first = 0; first <= kText.size(); ++first) {
    for (std::size_t second = first; second <= kText.size(); ++second) {
      LineCutter cutter(100);
      ASSERT_TRUE(cutter.Add(kText.substr(0, first)));
      ASSERT_TRUE(cutter.Add(kText.substr(first, second - first)));
      ASSERT_TRUE(cutter.Add(kText.substr(second)));
      EXPECT_THAT(cutter.TakeLines(), ElementsAre("one", "two", "three")) << first << second;
      EXPECT_EQ(cutter.rest(), "rest");
    }
  }
}

TEST(LineCutterTest, ALineIsTakenOnce) {
  LineCutter cutter(100);
  ASSERT_TRUE(cutter.Add("one\ntw"));
  EXPECT_THAT(cutter.TakeLines(), ElementsAre("one"));
  EXPECT_THAT(cutter.TakeLines(), IsEmpty());
  ASSERT_TRUE(cutter.Add("o\n"));
  EXPECT_THAT(cutter.TakeLines(), ElementsAre("two"));
}

TEST(LineCutterTest, TooManyBytesAreRefused) {
  LineCutter cutter(5);
  EXPECT_FALSE(cutter.Add("123456"));
  EXPECT_TRUE(cutter.Add("123"));
  EXPECT_FALSE(cutter.Add("456"));
  EXPECT_TRUE(cutter.Add("4\n"));
  EXPECT_FALSE(cutter.Add("56")) << "lines that wait count, too";
  EXPECT_THAT(cutter.TakeLines(), ElementsAre("1234"));
  EXPECT_TRUE(cutter.Add("12345"));
}

}  // namespace
}  // namespace failover::topology::internal

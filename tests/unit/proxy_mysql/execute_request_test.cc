#include "proxy/mysql/protocol/execute_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "packets.h"

namespace mysql_proxy {
namespace {

// The request executes statement 7 with two parameters: a string and an integer.
std::string ExecuteWithTypes() {
  return Bytes({0x17, 7, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0xfe, 0, 3, 0, 1, 'a', 5, 0, 0, 0});
}
std::string ExecuteWithoutTypes() {
  return Bytes({0x17, 7, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 'a', 5, 0, 0, 0});
}

TEST(ExecuteRequestTest, TheStatementIdCanBeReplaced) {
  std::string payload = ExecuteWithTypes();
  EXPECT_EQ(StatementIdOf(payload), 7u);
  SetStatementId(0x01020304, payload);
  EXPECT_EQ(StatementIdOf(payload), 0x01020304u);
  EXPECT_EQ(StatementIdOf(Bytes({0x17, 7, 0, 0})), std::nullopt);
}

TEST(ExecuteRequestTest, TypesAreFound) {
  const std::string payload = ExecuteWithTypes();
  const std::optional<ParameterTypes> found = FindParameterTypes(payload, 2);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->types, Bytes({0xfe, 0, 3, 0}));
}

TEST(ExecuteRequestTest, TypesOfAnEarlierExecutionCanBeAdded) {
  std::string payload = ExecuteWithoutTypes();
  const std::optional<ParameterTypes> found = FindParameterTypes(payload, 2);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->types, std::nullopt);
  InsertParameterTypes(Bytes({0xfe, 0, 3, 0}), found->flag_offset, payload);
  EXPECT_EQ(payload, ExecuteWithTypes());
}

TEST(ExecuteRequestTest, WithoutParametersThereAreNoTypes) {
  const std::string payload = ExecuteWithTypes().substr(0, 10);
  const std::optional<ParameterTypes> found = FindParameterTypes(payload, 0);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->types, std::nullopt);
  EXPECT_FALSE(FindParameterTypes(payload, 1).has_value());
}

TEST(ExecuteRequestTest, EveryBeginningUpToTheTypesIsMalformed) {
  const std::string payload = ExecuteWithTypes();
  for (std::size_t length = 0; length < 16; ++length) {
    EXPECT_FALSE(FindParameterTypes(payload.substr(0, length), 2).has_value()) << length;
  }
}

TEST(ExecuteRequestTest, MoreParametersThanThePacketCanHoldAreMalformed) {
  EXPECT_FALSE(FindParameterTypes(ExecuteWithTypes(), 65535).has_value());
}

}  // namespace
}  // namespace mysql_proxy

// These tests cover the list of keyspaces and shards that buffer: its grammar, and the mode that it
// gives to each shard.
#include "shard/keyspace_shards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "failover/buffer.h"

namespace failover::internal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

KeyspaceShards Parsed(std::string_view list) {
  absl::StatusOr<KeyspaceShards> parsed = KeyspaceShards::Parse(list);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? *std::move(parsed) : KeyspaceShards();
}

std::string ErrorOf(std::string_view list) {
  const absl::Status status = KeyspaceShards::Parse(list).status();
  if (status.ok()) return "";
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

Mode ModeOf(std::string_view list, std::string_view keyspace, std::string_view shard,
            bool dry_run = false) {
  BufferOptions options;
  options.dry_run = dry_run;
  return Parsed(list).ModeOf(options, keyspace, shard);
}

TEST(KeyspaceShardsTest, AnEmptyListMeansAll) {
  EXPECT_TRUE(Parsed("").empty());
  EXPECT_EQ(ModeOf("", "ks", "0"), Mode::kEnabled);
}

TEST(KeyspaceShardsTest, AKeyspaceMeansAllItsShards) {
  EXPECT_EQ(ModeOf("ks1", "ks1", "0"), Mode::kEnabled);
  EXPECT_EQ(ModeOf("ks1", "ks1", "-80"), Mode::kEnabled);
  EXPECT_EQ(ModeOf("ks1", "ks2", "0"), Mode::kDisabled);
}

TEST(KeyspaceShardsTest, AShardMeansItself) {
  EXPECT_EQ(ModeOf("ks1/-80", "ks1", "-80"), Mode::kEnabled);
  EXPECT_EQ(ModeOf("ks1/-80", "ks1", "80-"), Mode::kDisabled);
  EXPECT_EQ(ModeOf("ks1/-80", "ks2", "-80"), Mode::kDisabled);
}

TEST(KeyspaceShardsTest, SeveralItems) {
  constexpr char kList[] = "ks1,ks2/0,ks2/1";
  EXPECT_EQ(ModeOf(kList, "ks1", "9"), Mode::kEnabled);
  EXPECT_EQ(ModeOf(kList, "ks2", "1"), Mode::kEnabled);
  EXPECT_EQ(ModeOf(kList, "ks2", "2"), Mode::kDisabled);
}

TEST(KeyspaceShardsTest, BlanksAroundItemsAreTrimmed) {
  constexpr char kList[] = " ks1 ,\tks2/0\n";
  EXPECT_EQ(ModeOf(kList, "ks1", "0"), Mode::kEnabled);
  EXPECT_EQ(ModeOf(kList, "ks2", "0"), Mode::kEnabled);
}

TEST(KeyspaceShardsTest, BlanksInsideANameBelongToIt) {
  EXPECT_EQ(ModeOf("my ks", "my ks", "0"), Mode::kEnabled);
}

TEST(KeyspaceShardsTest, WithDryRunTheOthersRunDry) {
  EXPECT_EQ(ModeOf("ks1", "ks1", "0", true), Mode::kEnabled);
  EXPECT_EQ(ModeOf("ks1", "ks2", "0", true), Mode::kDryRun);
}

TEST(KeyspaceShardsTest, NotEnabled) {
  BufferOptions options;
  options.enabled = false;
  EXPECT_EQ(Parsed("").ModeOf(options, "ks", "0"), Mode::kDisabled);
  options.dry_run = true;
  EXPECT_EQ(Parsed("").ModeOf(options, "ks", "0"), Mode::kDryRun);
}

// ---- Errors ------------------------------------------------------------------------------------

TEST(KeyspaceShardsTest, EmptyItems) {
  for (const char* const list : {",", "ks1,", ",ks1", "ks1,,ks2", "ks1, ,ks2"}) {
    EXPECT_THAT(ErrorOf(list), HasSubstr("empty item")) << list;
  }
}

TEST(KeyspaceShardsTest, BadShardPaths) {
  for (const char* const item : {"ks1/", "/0", "/", "ks1//0", "ks1/0/1", "ks1/0/"}) {
    EXPECT_THAT(ErrorOf(item),
                AllOf(HasSubstr("invalid shard path"), HasSubstr(std::string("'") + item + "'")));
  }
}

TEST(KeyspaceShardsTest, Duplicates) {
  EXPECT_THAT(ErrorOf("ks1,ks2,ks1"), AllOf(HasSubstr("duplicate"), HasSubstr("'ks1'")));
  EXPECT_THAT(ErrorOf("ks1/0, ks1/0"), AllOf(HasSubstr("duplicate"), HasSubstr("'ks1/0'")));
}

TEST(KeyspaceShardsTest, OverlapsNameBothEntries) {
  for (const char* const list : {"ks1,ks1/0", "ks1/0,ks1"}) {
    EXPECT_THAT(ErrorOf(list), AllOf(HasSubstr("has overlapping entries"), HasSubstr("'ks1'"),
                                     HasSubstr("'ks1/0'")))
        << list;
  }
}

TEST(KeyspaceShardsTest, NamesMayBeAsLongAsTheBufferTakes) {
  const std::string longest(kMaxNameLength, 'k');
  const std::string too_long(kMaxNameLength + 1, 'k');
  EXPECT_EQ(ErrorOf(longest), "");
  EXPECT_EQ(ErrorOf(longest + "/" + longest), "");
  EXPECT_THAT(ErrorOf(too_long), HasSubstr("invalid keyspace"));
  EXPECT_THAT(ErrorOf(too_long + "/0"), HasSubstr("invalid shard path"));
  EXPECT_THAT(ErrorOf("ks/" + too_long), HasSubstr("invalid shard path"));
}

TEST(KeyspaceShardsTest, ErrorsNameTheOption) {
  EXPECT_THAT(ErrorOf("ks1,"), HasSubstr("keyspace_shards"));
}

}  // namespace
}  // namespace failover::internal

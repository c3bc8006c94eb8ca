// The library twice in one process: this program has one copy, a shared object that it loads has
// another.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <memory>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

TEST(LoadedTwiceTest, TheTwoCopiesDoNotDisturbEachOther) {
  const std::unique_ptr<Buffer> buffer = *Buffer::Create({});
  const ShardHandle shard = buffer->GetShard("ks", "0");
  ASSERT_TRUE(buffer->StartBuffering(shard, "a test"));
  for (int loads = 0; loads < 2; ++loads) {
    void* const plugin = dlopen(LOADED_TWICE_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(plugin, nullptr) << dlerror();
    using Run = int();
    auto* const run = reinterpret_cast<Run*>(dlsym(plugin, "RunAFailover"));
    ASSERT_NE(run, nullptr) << dlerror();
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(buffer->GetShardStats("ks", "0")->state, State::kBuffering);
    EXPECT_EQ(buffer->GetShardStats("ks", "0")->requests_buffered, 0u);
    EXPECT_EQ(dlclose(plugin), 0);
  }
  EXPECT_TRUE(buffer->StopBuffering(shard));
}

}  // namespace
}  // namespace failover::test

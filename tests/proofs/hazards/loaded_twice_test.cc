// In these tests one process contains the library twice. This program has one copy. A shared object
// that the program loads has another copy: in itself, or as the shared library.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <memory>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

class LoadedTwiceTest : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Plugins, LoadedTwiceTest,
                         ::testing::Values(LOADED_TWICE_PLUGIN, LOADED_TWICE_SHARED),
                         [](const auto& plugin) {
                           return plugin.index == 0 ? "Static" : "Shared";
                         });

TEST_P(LoadedTwiceTest, TheTwoCopiesDoNotDisturbEachOther) {
  const std::unique_ptr<Buffer> buffer = *Buffer::Create(UnhurriedOptions());
  const ShardHandle shard = buffer->GetShard("ks", "0");
  ASSERT_TRUE(buffer->StartBuffering(shard, "a test"));
  for (int loads = 0; loads < 2; ++loads) {
    void* const plugin = dlopen(GetParam(), RTLD_NOW | RTLD_LOCAL);
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

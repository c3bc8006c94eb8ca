#include "proxy/mysql/session/session_registry.h"

#include <gtest/gtest.h>

namespace mysql_proxy {
namespace {

TEST(SessionRegistryTest, FindsASessionAndItsConnection) {
  SessionRegistry registry;
  EXPECT_FALSE(registry.Find(kFirstConnectionId).has_value());
  registry.SetThread(kFirstConnectionId, {1, 42});
  EXPECT_FALSE(registry.Find(kFirstConnectionId).has_value()) << "nobody has logged in";

  registry.Enter(kFirstConnectionId, "app", {[] {}, [] { return false; }});
  EXPECT_EQ(registry.Find(kFirstConnectionId)->thread.thread_id, 0u);
  registry.SetThread(kFirstConnectionId, {1, 42});
  const std::optional<RegisteredSession> found = registry.Find(kFirstConnectionId);
  EXPECT_EQ(found->user, "app");
  EXPECT_EQ(found->thread.backend, 1u);
  EXPECT_EQ(found->thread.thread_id, 42u);

  registry.Leave(kFirstConnectionId);
  EXPECT_FALSE(registry.Find(kFirstConnectionId).has_value());
}

TEST(SessionRegistryTest, ClosesASessionThatIsThere) {
  SessionRegistry registry;
  int closed = 0;
  registry.Enter(1, "app", {[&closed] { ++closed; }, [] { return false; }});
  registry.Close(2);
  EXPECT_EQ(closed, 0);
  registry.Close(1);
  EXPECT_EQ(closed, 1);
  registry.Leave(1);
  registry.Close(1);
  EXPECT_EQ(closed, 1);
}

TEST(SessionRegistryTest, InterruptsASessionThatIsThere) {
  SessionRegistry registry;
  bool held = true;
  registry.Enter(1, "app", {[] {}, [&held] { return held; }});
  EXPECT_FALSE(registry.Interrupt(2));
  EXPECT_TRUE(registry.Interrupt(1));
  held = false;
  EXPECT_FALSE(registry.Interrupt(1));
  held = true;
  registry.Leave(1);
  EXPECT_FALSE(registry.Interrupt(1));
}

}  // namespace
}  // namespace mysql_proxy

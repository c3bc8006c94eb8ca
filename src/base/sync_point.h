// Named places where a test can stop a thread, to bring two threads into a given order.
//
// FAILOVER_SYNC_POINT("submit:before-lock") does nothing unless FAILOVER_SYNC_POINTS is defined.
// Only the tests of races build the library with that definition.
#ifndef FAILOVER_SRC_BASE_SYNC_POINT_H_
#define FAILOVER_SRC_BASE_SYNC_POINT_H_

#ifdef FAILOVER_SYNC_POINTS

#include <atomic>
#include <string_view>

namespace failover::internal {

// Called by each thread that comes by a point. It may block, which is its purpose.
using SyncPointHook = void (*)(std::string_view point);

inline std::atomic<SyncPointHook> sync_point_hook{nullptr};

inline void ComeBySyncPoint(std::string_view point) {
  // The acquire pairs with the release of the test that installed the hook.
  if (const SyncPointHook hook = sync_point_hook.load(std::memory_order_acquire)) hook(point);
}

}  // namespace failover::internal

#define FAILOVER_SYNC_POINT(point) ::failover::internal::ComeBySyncPoint(point)

#else

#define FAILOVER_SYNC_POINT(point) static_cast<void>(0)

#endif  // FAILOVER_SYNC_POINTS

#endif  // FAILOVER_SRC_BASE_SYNC_POINT_H_

// How long tests wait before they give up.
#ifndef FAILOVER_TESTS_SUPPORT_PATIENCE_H_
#define FAILOVER_TESTS_SUPPORT_PATIENCE_H_

#include <chrono>

namespace failover::test {

// A wait that lasts this long has failed. The limit only ends tests that hang: no test passes or
// fails by how fast the machine is. So the limit is far above what any step takes on a machine with
// many more busy threads than processors, and below FAILOVER_TEST_TIMEOUT, with which ctest ends a
// test that has told nothing.
inline constexpr std::chrono::seconds kPatience(120);

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_PATIENCE_H_

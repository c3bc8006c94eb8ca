// FailAllocations makes operator new fail when a test asks for it, and LiveAllocations counts what
// is allocated. Linking the .cc file replaces operator new and operator delete of the whole
// program.
#ifndef FAILOVER_TESTS_PROOFS_HAZARDS_ALLOCATION_FAILURES_H_
#define FAILOVER_TESTS_PROOFS_HAZARDS_ALLOCATION_FAILURES_H_

#include <cstdint>

namespace failover::test {

// Returns how many allocations of the whole program have not been freed.
std::int64_t LiveAllocations();

// While a FailAllocations lives, allocations fail on the thread that made it.
class FailAllocations {
 public:
  enum class Which {
    kOne,   // Only the allocation after `successes` successful ones fails.
    kRest,  // The allocation after `successes` successful ones fails, and so do all that follow.
  };

  FailAllocations(Which which, int successes);
  ~FailAllocations();

  FailAllocations(const FailAllocations&) = delete;
  FailAllocations& operator=(const FailAllocations&) = delete;

  // Returns whether any allocation failed.
  bool any() const;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_HAZARDS_ALLOCATION_FAILURES_H_

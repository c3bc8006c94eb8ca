// Makes operator new fail when a test says so, and counts what is allocated. Linking the .cc
// replaces operator new and delete of the whole program.
#ifndef FAILOVER_TESTS_PROOFS_HAZARDS_ALLOCATION_FAILURES_H_
#define FAILOVER_TESTS_PROOFS_HAZARDS_ALLOCATION_FAILURES_H_

#include <cstdint>

namespace failover::test {

// How many allocations of the whole program have not been given back.
std::int64_t LiveAllocations();

// While one lives, the allocations of the thread that made it fail as it says.
class FailAllocations {
 public:
  enum class Which {
    kOne,   // only the one after `successes` successful ones
    kRest,  // that one and all that follow
  };

  FailAllocations(Which which, int successes);
  ~FailAllocations();

  FailAllocations(const FailAllocations&) = delete;
  FailAllocations& operator=(const FailAllocations&) = delete;

  // Whether any failed.
  bool any() const;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_HAZARDS_ALLOCATION_FAILURES_H_

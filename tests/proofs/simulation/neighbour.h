// Stands in for all other Buffers that share the Budget of the Buffer under test.
#ifndef FAILOVER_TESTS_PROOFS_SIMULATION_NEIGHBOUR_H_
#define FAILOVER_TESTS_PROOFS_SIMULATION_NEIGHBOUR_H_

#include <cstdint>
#include <memory>

#include "failover/budget.h"
#include "steps.h"

namespace failover::simulation {

class Neighbour {
 public:
  // `budget` may be nullptr. Then the neighbour has nothing.
  explicit Neighbour(std::shared_ptr<Budget> budget);
  // Gives everything back.
  ~Neighbour();

  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

  const std::shared_ptr<Budget>& budget() const { return budget_; }
  // Has what a kNeighbour says from now on, as far as the Budget allows.
  void Have(const Step& step);

 private:
  const std::shared_ptr<Budget> budget_;
  std::uint32_t slots_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint32_t turns_ = 0;
};

}  // namespace failover::simulation

#endif  // FAILOVER_TESTS_PROOFS_SIMULATION_NEIGHBOUR_H_

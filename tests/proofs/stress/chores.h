// Chores are things that another thread does later: it drops tokens, cancels waits, and destroys
// handles.
#ifndef FAILOVER_TESTS_PROOFS_STRESS_CHORES_H_
#define FAILOVER_TESTS_PROOFS_STRESS_CHORES_H_

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "random.h"

namespace failover::test {

// The class is thread-safe.
class Chores {
 public:
  using Chore = absl::AnyInvocable<void() &&>;

  void Add(Chore chore) {
    const std::lock_guard<std::mutex> lock(mutex_);
    chores_.push_back(std::move(chore));
  }

  // Does any one of the chores. Returns false if there is none.
  bool DoOne(Random& random) {
    Chore chore;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (chores_.empty()) return false;
      std::swap(chores_[random.Below(chores_.size())], chores_.back());
      chore = std::move(chores_.back());
      chores_.pop_back();
    }
    std::move(chore)();
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<Chore> chores_;
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_PROOFS_STRESS_CHORES_H_

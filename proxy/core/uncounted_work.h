// What is sent to a backend without being counted by the Buffer, and planned switchovers.
#ifndef FAILOVER_PROXY_CORE_UNCOUNTED_WORK_H_
#define FAILOVER_PROXY_CORE_UNCOUNTED_WORK_H_

#include <atomic>

namespace proxy {

// Keeps attempts that the Buffer does not count and planned switchovers apart: no attempt begins
// during a switchover, and a switchover waits for the attempts that began before.
//
// Thread-safe. Must outlive the entries and the switchovers.
class UncountedWork {
 public:
  // An attempt, as long as the Entry lives.
  class Entry {
   public:
    // `work` is not owned. nullptr: there are no switchovers, so the attempt may run.
    explicit Entry(UncountedWork* work) : work_(work) {
      if (work_ == nullptr) return;
      // Both operations, and those of Switching, are sequentially consistent. So either this thread
      // sees the switchover, or the switchover sees this attempt.
      work_->attempts_.fetch_add(1);
      may_run_ = work_->switchovers_.load() == 0;
    }
    ~Entry() {
      if (work_ != nullptr) work_->attempts_.fetch_sub(1);
    }

    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    // False: a planned switchover is under way, and nothing may be sent.
    bool may_run() const { return may_run_; }

   private:
    UncountedWork* const work_;
    bool may_run_ = true;
  };

  // A planned switchover, as long as the Switching lives. To be made before the Buffer is told to
  // begin the switchover.
  class Switching {
   public:
    // `work` is not owned. nullptr: there are no such attempts.
    explicit Switching(UncountedWork* work) : work_(work) {
      if (work_ != nullptr) work_->switchovers_.fetch_add(1);
    }
    ~Switching() {
      if (work_ != nullptr) work_->switchovers_.fetch_sub(1);
    }

    Switching(const Switching&) = delete;
    Switching& operator=(const Switching&) = delete;

    // How many attempts are under way. May be too high for a moment.
    int attempts() const { return work_ == nullptr ? 0 : work_->attempts_.load(); }

   private:
    UncountedWork* const work_;
  };

 private:
  std::atomic<int> attempts_{0};
  std::atomic<int> switchovers_{0};
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_UNCOUNTED_WORK_H_

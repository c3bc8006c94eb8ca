// What outlives a Buffer for as long as a token or handle of it is out.
#ifndef FAILOVER_SRC_BASE_REF_COUNTED_H_
#define FAILOVER_SRC_BASE_REF_COUNTED_H_

#include <atomic>
#include <cstdint>

namespace failover::internal {

class RefCounted {
 public:
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  // Relaxed: who adds a reference holds one, so the object cannot go meanwhile.
  void Ref() { references_.fetch_add(1, std::memory_order_relaxed); }

  // Each release publishes what its owner did; the acquire of the last one sees all of it before
  // it deletes.
  void Unref() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 protected:
  RefCounted() = default;
  virtual ~RefCounted() = default;

 private:
  std::atomic<std::uint64_t> references_{1};
};

}  // namespace failover::internal

#endif  // FAILOVER_SRC_BASE_REF_COUNTED_H_

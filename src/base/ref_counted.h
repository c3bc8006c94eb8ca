// The base of an object that lives as long as anybody holds a reference to it. The inside of a
// Buffer is one: it outlives its Buffer as long as the embedder keeps a token or a handle.
#ifndef FAILOVER_SRC_BASE_REF_COUNTED_H_
#define FAILOVER_SRC_BASE_REF_COUNTED_H_

#include <atomic>
#include <cstdint>

namespace failover::internal {

class RefCounted {
 public:
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  // Relaxed: a caller that adds a reference holds one already, so the object cannot go meanwhile.
  void Ref() { references_.fetch_add(1, std::memory_order_relaxed); }

  // The release of each call publishes what its owner did to the object. The acquire of the last
  // call sees all of that before the object is deleted.
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

#include "allocation_failures.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace failover::test {
namespace {

struct Plan {
  bool active = false;
  bool only_one = false;
  int successes_left = 0;
  int failures = 0;
};

thread_local Plan plan;

std::atomic<std::int64_t>& Live() {
  static std::atomic<std::int64_t> live{0};
  return live;
}

bool MustFail() {
  if (!plan.active) return false;
  if (plan.successes_left-- > 0) return false;
  if (plan.only_one && plan.failures > 0) return false;
  ++plan.failures;
  return true;
}

void* Allocate(std::size_t size, std::size_t alignment) noexcept {
  if (MustFail()) return nullptr;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* const memory = alignment <= alignof(std::max_align_t)
                           ? std::malloc(size == 0 ? 1 : size)
                           : std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory != nullptr) Live().fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void* AllocateOrThrow(std::size_t size, std::size_t alignment) {
  void* const memory = Allocate(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void Free(void* memory) noexcept {
  if (memory == nullptr) return;
  Live().fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

constexpr std::size_t kDefault = alignof(std::max_align_t);

}  // namespace

std::int64_t LiveAllocations() { return Live().load(std::memory_order_relaxed); }

FailAllocations::FailAllocations(Which which, int successes) {
  plan = Plan{true, which == Which::kOne, successes, 0};
}

FailAllocations::~FailAllocations() { plan.active = false; }

bool FailAllocations::any() const { return plan.failures > 0; }

}  // namespace failover::test

using failover::test::Allocate;
using failover::test::AllocateOrThrow;
using failover::test::Free;
using failover::test::kDefault;

void* operator new(std::size_t size) { return AllocateOrThrow(size, kDefault); }
void* operator new[](std::size_t size) { return AllocateOrThrow(size, kDefault); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return AllocateOrThrow(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return AllocateOrThrow(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size, kDefault);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size, kDefault);
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return Allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return Allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete[](void* memory) noexcept { Free(memory); }
void operator delete(void* memory, std::size_t) noexcept { Free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { Free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { Free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  Free(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  Free(memory);
}

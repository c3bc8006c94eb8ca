#include "cost_counters.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "harness.h"

// This function is not inlined and has C linkage, so that callgrind can tell the measured work from
// its preparation by the function's name.
extern "C" [[gnu::noinline]] void MeasuredPart(absl::FunctionRef<void()> work) {
  work();
  asm volatile("");  // keeps the compiler from turning the call above into a jump
}

namespace failover::benchmarks {
namespace {

std::atomic<bool> counting{false};
std::atomic<std::size_t> allocations{0};
std::atomic<std::size_t> bytes{0};
std::atomic<std::size_t> locks{0};
std::atomic<std::size_t> clock_readings{0};
std::atomic<std::size_t> wakeups{0};

void Count(std::atomic<std::size_t>* what, std::size_t how_many = 1) {
  if (counting.load(std::memory_order_relaxed))
    what->fetch_add(how_many, std::memory_order_relaxed);
}

void CountAllocation(std::size_t size) {
  Count(&allocations);
  Count(&bytes, size);
}

// The memory from which the preparation of RunReadOnly allocates. The arena has pages of its own,
// and never frees them.
class Arena {
 public:
  static constexpr std::size_t kSize = std::size_t{64} << 20;

  void Open() {
    void* const memory =
        mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Require(memory != MAP_FAILED, "no memory for the arena");
    begin_ = static_cast<char*>(memory);
    open_.store(true);
  }
  void Close() { open_.store(false); }

  bool open() const { return open_.load(std::memory_order_relaxed); }
  bool Owns(const void* pointer) const {
    return begin_ != nullptr && pointer >= begin_ && pointer < begin_ + kSize;
  }

  // The size of a block stands right before the block.
  void* Allocate(std::size_t size, std::size_t alignment) {
    alignment = alignment < kHeader ? kHeader : alignment;
    const std::size_t room = (size + 2 * alignment + kHeader - 1) / kHeader * kHeader;
    const std::size_t at = used_.fetch_add(room) + kHeader;
    const std::size_t aligned = (at + alignment - 1) / alignment * alignment;
    if (aligned + size > kSize) return nullptr;
    std::memcpy(begin_ + aligned - kHeader, &size, sizeof(size));
    return begin_ + aligned;
  }
  static std::size_t SizeOf(const void* pointer) {
    std::size_t size = 0;
    std::memcpy(&size, static_cast<const char*>(pointer) - kHeader, sizeof(size));
    return size;
  }

  char* begin() const { return begin_; }

 private:
  static constexpr std::size_t kHeader = alignof(std::max_align_t);

  char* begin_ = nullptr;
  std::atomic<std::size_t> used_{0};
  std::atomic<bool> open_{false};
};

Arena arena;

struct Pages {
  char* begin;
  std::size_t size;
};
Pages globals = {nullptr, 0};

}  // namespace
}  // namespace failover::benchmarks

// ---- In the places of the C library's functions ------------------------------------------------

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* pointer, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* pointer);

namespace counters = failover::benchmarks;

void* malloc(std::size_t size) noexcept {
  counters::CountAllocation(size);
  return counters::arena.open() ? counters::arena.Allocate(size, 1) : __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  counters::CountAllocation(count * size);
  // A block of the arena is zero already: the kernel clears the pages, and no block is used twice.
  return counters::arena.open() ? counters::arena.Allocate(count * size, 1)
                                : __libc_calloc(count, size);
}

void* realloc(void* pointer, std::size_t size) noexcept {
  if (!counters::arena.open() && !counters::arena.Owns(pointer)) {
    counters::CountAllocation(size);
    return __libc_realloc(pointer, size);
  }
  void* const moved = malloc(size);
  if (pointer != nullptr && moved != nullptr && counters::arena.Owns(pointer)) {
    const std::size_t old_size = counters::Arena::SizeOf(pointer);
    std::memcpy(moved, pointer, old_size < size ? old_size : size);
  }
  return moved;
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  counters::CountAllocation(size);
  return counters::arena.open() ? counters::arena.Allocate(size, alignment)
                                : __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return memalign(alignment, size);
}

int posix_memalign(void** pointer, std::size_t alignment, std::size_t size) noexcept {
  *pointer = memalign(alignment, size);
  return *pointer == nullptr ? ENOMEM : 0;
}

void free(void* pointer) noexcept {
  if (!counters::arena.Owns(pointer)) __libc_free(pointer);
}

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  static const auto original =
      reinterpret_cast<int (*)(pthread_mutex_t*)>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  counters::Count(&counters::locks);
  return original(mutex);
}

int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  static const auto original =
      reinterpret_cast<int (*)(pthread_mutex_t*)>(dlsym(RTLD_NEXT, "pthread_mutex_trylock"));
  counters::Count(&counters::locks);
  return original(mutex);
}

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
  static const auto original =
      reinterpret_cast<int (*)(pthread_rwlock_t*)>(dlsym(RTLD_NEXT, "pthread_rwlock_rdlock"));
  counters::Count(&counters::locks);
  return original(lock);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
  static const auto original =
      reinterpret_cast<int (*)(pthread_rwlock_t*)>(dlsym(RTLD_NEXT, "pthread_rwlock_wrlock"));
  counters::Count(&counters::locks);
  return original(lock);
}

}  // extern "C"

namespace failover::benchmarks {

Costs Measure(absl::FunctionRef<void()> work) {
  counting.store(true);
  MeasuredPart(work);
  counting.store(false);
  return {allocations.load(), bytes.load(), locks.load(), clock_readings.load(), wakeups.load()};
}

absl::Time CountingClock::Now() {
  Count(&clock_readings);
  return absl::UnixEpoch() + absl::Microseconds(++microseconds_);
}

void CountWakeup() { Count(&wakeups); }

namespace {

// The first module that is visited is the program itself. Its writable segment counts from the
// first whole page on, because the loader has already made the part before that page read-only.
int FindGlobals(dl_phdr_info* module, std::size_t /*size*/, void* /*unused*/) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  for (int i = 0; i < module->dlpi_phnum; ++i) {
    const auto& segment = module->dlpi_phdr[i];
    const std::uintptr_t first = module->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_W) != 0) {
      begin = first / page * page;
      end = (first + segment.p_memsz + page - 1) / page * page;
    }
  }
  globals = {reinterpret_cast<char*>(begin), end - begin};
  return 1;
}

void Protect(int protection) {
  mprotect(arena.begin(), Arena::kSize, protection);
  mprotect(globals.begin, globals.size, protection);
}

void OnWrite(int /*signal*/, siginfo_t* what, void* /*context*/) {
  const bool to_arena = arena.Owns(what->si_addr);
  const std::string_view text =
      to_arena ? "wrote to memory that threads share: what the Buffer allocated\n"
               : "wrote to memory that threads share: a global variable\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
  _exit(1);
}

}  // namespace

void RunReadOnly(absl::FunctionRef<void()> prepare, absl::FunctionRef<void()> work) {
  struct sigaction action = {};
  action.sa_sigaction = OnWrite;
  action.sa_flags = SA_SIGINFO;
  Require(sigaction(SIGSEGV, &action, nullptr) == 0, "cannot handle SIGSEGV");
  dl_iterate_phdr(FindGlobals, nullptr);
  Require(globals.size > 0, "found no global variables");
  arena.Open();
  prepare();
  arena.Close();
  Protect(PROT_READ);
  work();
  Protect(PROT_READ | PROT_WRITE);
}

}  // namespace failover::benchmarks

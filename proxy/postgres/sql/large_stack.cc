#include "proxy/postgres/sql/large_stack.h"

#include <pthread.h>

namespace postgres_proxy {
namespace {

constexpr std::size_t kUnit = std::size_t{1} << 20;

void* Call(void* function) {
  (*static_cast<const std::function<void()>*>(function))();
  return nullptr;
}

}  // namespace

void RunOnLargeStack(std::size_t size, const std::function<void()>& function) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  pthread_t thread;
  std::function<void()> copy = function;
  const bool started = pthread_attr_setstacksize(&attributes, (size / kUnit + 1) * kUnit) == 0 &&
                       pthread_create(&thread, &attributes, &Call, &copy) == 0;
  pthread_attr_destroy(&attributes);
  if (started) pthread_join(thread, nullptr);
}

}  // namespace postgres_proxy

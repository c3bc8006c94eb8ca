#include "proxy/postgres/session/cancel_registry.h"

#include <string>

#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/protocol/scram.h"

namespace postgres_proxy {

std::optional<CancelKey> CancelRegistry::Enter(std::uint32_t pid) {
  while (true) {
    const std::optional<std::string> bytes = RandomBytes(sizeof(std::uint32_t));
    if (!bytes.has_value()) return std::nullopt;
    const CancelKey key{pid, U32At(*bytes)};
    const proxy::MutexLock lock(mutex_);
    if (targets_.emplace(NumberOf(key), std::nullopt).second) return key;
  }
}

void CancelRegistry::Leave(const CancelKey& key) {
  const proxy::MutexLock lock(mutex_);
  targets_.erase(NumberOf(key));
}

void CancelRegistry::SetTarget(const CancelKey& key, const std::optional<CancelTarget>& target) {
  const proxy::MutexLock lock(mutex_);
  const auto found = targets_.find(NumberOf(key));
  if (found != targets_.end()) found->second = target;
}

std::optional<CancelTarget> CancelRegistry::Find(const CancelKey& key) const {
  const proxy::MutexLock lock(mutex_);
  const auto found = targets_.find(NumberOf(key));
  return found == targets_.end() ? std::nullopt : found->second;
}

}  // namespace postgres_proxy

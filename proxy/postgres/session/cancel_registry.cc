#include "proxy/postgres/session/cancel_registry.h"

#include <string>
#include <utility>

#include "proxy/postgres/protocol/message.h"
#include "proxy/postgres/protocol/scram.h"

namespace postgres_proxy {

std::optional<CancelKey> CancelRegistry::Enter(std::uint32_t pid, std::function<bool()> interrupt) {
  while (true) {
    const std::optional<std::string> bytes = RandomBytes(sizeof(std::uint32_t));
    if (!bytes.has_value()) return std::nullopt;
    const CancelKey key{pid, U32At(*bytes)};
    const proxy::MutexLock lock(mutex_);
    const auto [entry, is_new] = entries_.try_emplace(NumberOf(key));
    if (!is_new) continue;
    entry->second.interrupt = std::move(interrupt);
    return key;
  }
}

void CancelRegistry::Leave(const CancelKey& key) {
  const proxy::MutexLock lock(mutex_);
  entries_.erase(NumberOf(key));
}

void CancelRegistry::SetTarget(const CancelKey& key, const std::optional<CancelTarget>& target) {
  const proxy::MutexLock lock(mutex_);
  const auto found = entries_.find(NumberOf(key));
  if (found != entries_.end()) found->second.target = target;
}

bool CancelRegistry::Interrupt(const CancelKey& key) const {
  const proxy::MutexLock lock(mutex_);
  const auto found = entries_.find(NumberOf(key));
  return found != entries_.end() && found->second.interrupt();
}

std::optional<CancelTarget> CancelRegistry::Find(const CancelKey& key) const {
  const proxy::MutexLock lock(mutex_);
  const auto found = entries_.find(NumberOf(key));
  return found == entries_.end() ? std::nullopt : found->second.target;
}

}  // namespace postgres_proxy

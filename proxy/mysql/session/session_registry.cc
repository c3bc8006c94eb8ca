#include "proxy/mysql/session/session_registry.h"

#include <utility>

namespace mysql_proxy {

void SessionRegistry::Enter(std::uint32_t id, std::string user, Reach reach) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[id];
  entry.session.user = std::move(user);
  entry.reach = std::move(reach);
}

void SessionRegistry::Leave(std::uint32_t id) {
  const std::lock_guard lock(mutex_);
  entries_.erase(id);
}

void SessionRegistry::SetThread(std::uint32_t id, const BackendThread& thread) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found != entries_.end()) found->second.session.thread = thread;
}

std::optional<RegisteredSession> SessionRegistry::Find(std::uint32_t id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;
  return found->second.session;
}

void SessionRegistry::Close(std::uint32_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found != entries_.end()) found->second.reach.close();
}

bool SessionRegistry::Interrupt(std::uint32_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  return found != entries_.end() && found->second.reach.interrupt();
}

}  // namespace mysql_proxy

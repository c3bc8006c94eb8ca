#include "proxy/postgres/session/prepared_statements.h"

#include <utility>

namespace postgres_proxy {
namespace {

// A client that binds more in one transaction gets no portal judged that it uses in a later
// request.
constexpr std::size_t kMostPortals = 10'000;

}  // namespace

void PreparedStatements::Add(const std::string& name, PreparedPtr statement) {
  Remove(name);
  bytes_ += statement->parse.size();
  if (bytes_ > max_bytes_) {
    bytes_ -= statement->parse.size();
    overflown_ = true;
    return;
  }
  statements_[name] = std::move(statement);
}

void PreparedStatements::Remove(std::string_view name) {
  const auto found = statements_.find(std::string(name));
  if (found == statements_.end()) return;
  bytes_ -= found->second->parse.size();
  statements_.erase(found);
}

void PreparedStatements::Clear() {
  statements_.clear();
  bytes_ = 0;
  overflown_ = false;
}

PreparedPtr PreparedStatements::Find(std::string_view name) const {
  const auto found = statements_.find(std::string(name));
  return found == statements_.end() ? nullptr : found->second;
}

void PreparedStatements::AddPortals(const Portals& portals) {
  if (portals_.size() + portals.size() > kMostPortals) portals_.clear();
  for (const auto& [name, statement] : portals) portals_[name] = statement;
}

PreparedPtr PreparedStatements::FindPortal(std::string_view name) const {
  const auto found = portals_.find(std::string(name));
  return found == portals_.end() ? nullptr : found->second;
}

std::vector<PreparedPtr> PreparedStatements::All() const {
  std::vector<PreparedPtr> all;
  for (const auto& [name, statement] : statements_) all.push_back(statement);
  return all;
}

}  // namespace postgres_proxy

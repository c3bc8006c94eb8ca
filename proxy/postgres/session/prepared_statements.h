// The prepared statements and the portals of a session, as the client's messages name them.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_PREPARED_STATEMENTS_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_PREPARED_STATEMENTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/postgres/sql/statement_traits.h"

namespace postgres_proxy {

struct PreparedStatement {
  std::string parse;  // the body of the client's Parse, which is sent again after a move
  std::vector<StatementTraits> traits;
  std::uint64_t connection = 0;  // the connection that knows the statement; 0: none
};

using PreparedPtr = std::shared_ptr<PreparedStatement>;
// By their names.
using Portals = std::unordered_map<std::string, PreparedPtr>;

// Used on its event loop only.
class PreparedStatements {
 public:
  // All texts together may have so many bytes.
  explicit PreparedStatements(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // The unnamed statement has an empty name.
  void Add(const std::string& name, PreparedPtr statement);
  void Remove(std::string_view name);
  void Clear();
  // nullptr: there is none.
  PreparedPtr Find(std::string_view name) const;
  std::vector<PreparedPtr> All() const;
  // A request that left its transaction open has bound these portals.
  void AddPortals(const Portals& portals);
  // The transaction is over.
  void ForgetPortals() { portals_.clear(); }
  // nullptr: what the portal executes is not known.
  PreparedPtr FindPortal(std::string_view name) const;
  // More was prepared than can be kept.
  bool overflown() const { return overflown_; }

 private:
  const std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  bool overflown_ = false;
  std::unordered_map<std::string, PreparedPtr> statements_;
  Portals portals_;  // of the open transaction
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_PREPARED_STATEMENTS_H_

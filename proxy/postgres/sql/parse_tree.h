// Reads the traits of statements from the parse trees of libpg_query.
#ifndef FAILOVER_PROXY_POSTGRES_SQL_PARSE_TREE_H_
#define FAILOVER_PROXY_POSTGRES_SQL_PARSE_TREE_H_

#include <optional>
#include <string_view>
#include <vector>

#include "proxy/postgres/sql/statement_traits.h"

namespace postgres_proxy {

// nullopt: the grammar does not understand the text. Thread-safe.
std::optional<std::vector<StatementTraits>> JudgeByGrammar(std::string_view text);

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SQL_PARSE_TREE_H_

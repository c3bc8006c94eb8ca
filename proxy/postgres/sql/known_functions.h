// Which functions leave nothing in the session that calls them.
#ifndef FAILOVER_PROXY_POSTGRES_SQL_KNOWN_FUNCTIONS_H_
#define FAILOVER_PROXY_POSTGRES_SQL_KNOWN_FUNCTIONS_H_

#include <string_view>

namespace postgres_proxy {

// Whether `name` (in lower case, without a schema) is a function of PostgreSQL that takes no lock,
// makes no temporary object and sets nothing. Names that are not on the list count as unknown, so
// the list needs only the common ones.
bool IsKnownFunction(std::string_view name);

// Whether the text of a SELECT, INSERT, UPDATE or DELETE may call a function that is not known. The
// text is not parsed, so the answer may be true in vain: what stands in front of a parenthesis
// counts as the name of a function, also inside a string.
bool MayCallUnknownFunction(std::string_view text);

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SQL_KNOWN_FUNCTIONS_H_

// The character sets of a client in which a byte that looks like ASCII may be half a character.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_CHARACTER_SETS_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_CHARACTER_SETS_H_

#include <cstdint>
#include <string_view>

namespace mysql_proxy {

// Whether TextRules::characters_hide_ascii is true for a client with this character set.
// `character_set` is a value of character_set_client, in lower case as servers report the value.
bool HidesAscii(std::string_view character_set);

// The same for the character set of a collation, given by the number that a login holds.
bool HidesAscii(std::uint8_t collation);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_CHARACTER_SETS_H_

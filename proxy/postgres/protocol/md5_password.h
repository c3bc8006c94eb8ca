// The method md5 of PostgreSQL. The hash that a server stores is as good as the password, so the
// same hash serves both sides.
#ifndef FAILOVER_PROXY_POSTGRES_PROTOCOL_MD5_PASSWORD_H_
#define FAILOVER_PROXY_POSTGRES_PROTOCOL_MD5_PASSWORD_H_

#include <string>
#include <string_view>

namespace postgres_proxy {

// As in pg_authid: "md5" and 32 hexadecimal digits.
bool IsMd5Hash(std::string_view text);
// The hash of a password. Empty: OpenSSL offers no MD5.
std::string Md5Hash(std::string_view user, std::string_view password);
// What a client answers to a salt of four bytes. Empty: `hash` is no hash.
std::string Md5Answer(std::string_view hash, std::string_view salt);
// In constant time.
bool SameText(std::string_view a, std::string_view b);

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_PROTOCOL_MD5_PASSWORD_H_

// The authentication method mysql_native_password, both sides of it.
//
// The server stores SHA1(SHA1(password)), sends a scramble, and the client answers with
// SHA1(password) XOR SHA1(scramble + SHA1(SHA1(password))).
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_NATIVE_PASSWORD_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_NATIVE_PASSWORD_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mysql_proxy {

inline constexpr std::string_view kNativePassword = "mysql_native_password";
inline constexpr std::size_t kScrambleLength = 20;

using Sha1Digest = std::array<unsigned char, 20>;

// Random, without zero bytes. nullopt: the system has no randomness to give.
std::optional<std::string> NewScramble();

// What a server stores. An empty password has none and is stored as nullopt.
using StoredPassword = std::optional<Sha1Digest>;
StoredPassword StorePassword(std::string_view password);
// From the form of mysql.user, "*" and 40 hexadecimal digits. nullopt: it is not of this form.
std::optional<Sha1Digest> ParseStoredPassword(std::string_view text);

// A client's answer to a scramble; empty for an empty password.
std::string ScrambledPassword(std::string_view password, std::string_view scramble);

// Takes the same time for each wrong answer of the right length.
bool CheckPassword(const StoredPassword& stored, std::string_view scramble,
                   std::string_view answer);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_NATIVE_PASSWORD_H_

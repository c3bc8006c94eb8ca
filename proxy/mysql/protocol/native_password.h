// Implements both sides of the authentication method mysql_native_password.
//
// The server stores SHA1(SHA1(password)) and sends a scramble. The client answers with
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

// A random scramble without zero bytes. nullopt: the system provides no random bytes.
std::optional<std::string> NewScramble(std::size_t length = kScrambleLength);

// What a server stores of a password. nullopt stands for the empty password.
using StoredPassword = std::optional<Sha1Digest>;
StoredPassword StorePassword(std::string_view password);
// Reads the form of the table mysql.user: "*" and 40 hexadecimal digits. nullopt: `text` has
// another form.
std::optional<Sha1Digest> ParseStoredPassword(std::string_view text);

// The answer of a client to `scramble`. The answer is empty if the password is empty.
std::string ScrambledPassword(std::string_view password, std::string_view scramble);

// Whether `answer` is right. The check takes the same time for each wrong answer of the right
// length, so that the time tells nothing about the password.
bool CheckPassword(const StoredPassword& stored, std::string_view scramble,
                   std::string_view answer);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_NATIVE_PASSWORD_H_

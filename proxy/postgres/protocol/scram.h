// SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL uses it, both sides, without channel binding.
//
// Somebody who has seen a client log in, and who has the client's verifier, can compute the
// client's key, and log in with it to every server that has the same verifier. The proxy does so.
#ifndef FAILOVER_PROXY_POSTGRES_PROTOCOL_SCRAM_H_
#define FAILOVER_PROXY_POSTGRES_PROTOCOL_SCRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postgres_proxy {

inline constexpr std::string_view kScramMechanism = "SCRAM-SHA-256";
inline constexpr std::size_t kScramKeySize = 32;
// Servers use 4096. A server that asks for many more would stop an event loop.
inline constexpr int kMostIterations = 100'000;

using ScramKey = std::array<unsigned char, kScramKeySize>;

// What a server stores of a password.
struct ScramVerifier {
  int iterations = 4096;
  std::string salt;  // bytes
  ScramKey stored_key = {};
  ScramKey server_key = {};
};

// What it takes to log in: of a password for one salt and one number of iterations.
struct ScramKeys {
  int iterations = 0;
  std::string salt;  // bytes
  ScramKey client_key = {};
  ScramKey server_key = {};
};

// The keys of a password. nullopt: OpenSSL failed. Takes milliseconds.
std::optional<ScramKeys> DeriveKeys(std::string_view password, std::string_view salt,
                                    int iterations);
ScramVerifier VerifierOf(const ScramKeys& keys);
// As in pg_authid: SCRAM-SHA-256$4096:salt$StoredKey:ServerKey, in Base64. nullopt: it is none.
std::optional<ScramVerifier> ParseVerifier(std::string_view text);

// Random bytes in Base64, as a part of a nonce. nullopt: there is no randomness.
std::optional<std::string> NewNonce();
std::optional<std::string> RandomBytes(std::size_t count);
// A salt for a user that does not exist: the same each time that somebody asks with this name.
std::string FakeSalt(std::string_view secret, std::string_view user);

// The server's side of one login.
class ScramServer {
 public:
  // `known` false: the user does not exist. The exchange goes on to its end and fails there.
  ScramServer(ScramVerifier verifier, std::string nonce, bool known)
      : verifier_(std::move(verifier)), nonce_(std::move(nonce)), known_(known) {}

  // Takes the client's first message and returns the server's. nullopt: the message makes no sense,
  // or the client insists on channel binding.
  std::optional<std::string> First(std::string_view client_first);
  // Takes the client's last message and returns the server's last. nullopt: the client does not
  // know the password.
  std::optional<std::string> Last(std::string_view client_final);
  // After Last has succeeded: with these keys the proxy logs in as the client.
  const ScramKeys& client_keys() const { return keys_; }

 private:
  const ScramVerifier verifier_;
  const std::string nonce_;
  const bool known_;
  std::string client_first_bare_;
  std::string server_first_;
  std::string whole_nonce_;
  std::string binding_;  // what the client must repeat, in Base64
  ScramKeys keys_;
};

// The client's side of one login.
class ScramClient {
 public:
  explicit ScramClient(std::string nonce) : nonce_(std::move(nonce)) {}

  std::string First() const;

  // What a server asks for.
  struct Challenge {
    std::string nonce;
    std::string salt;  // bytes
    int iterations = 0;
  };
  // nullopt: the message makes no sense, or it asks for too much.
  std::optional<Challenge> ReadFirst(std::string_view server_first);
  // The answer to the challenge. `keys` must be those of its salt and iterations.
  std::string Final(const Challenge& challenge, const ScramKeys& keys);
  // Whether the server's last message proves that the server has the verifier.
  bool Proves(std::string_view server_final) const;

 private:
  std::string Bare() const;

  const std::string nonce_;
  std::string server_first_;
  std::string server_signature_;  // in Base64
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_PROTOCOL_SCRAM_H_

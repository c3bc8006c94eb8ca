// The packet with which a connection begins. It has no type: length, a number that says what it is,
// and a body.
#ifndef FAILOVER_PROXY_POSTGRES_PROTOCOL_STARTUP_H_
#define FAILOVER_PROXY_POSTGRES_PROTOCOL_STARTUP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postgres_proxy {

// The length and the number.
inline constexpr std::size_t kStartupHeader = 8;
// The longest packet that servers take.
inline constexpr std::size_t kLongestStartup = 10000;

// By which a client cancels what a session runs.
struct CancelKey {
  std::uint32_t pid = 0;
  std::uint32_t secret = 0;

  bool operator==(const CancelKey& other) const {
    return pid == other.pid && secret == other.secret;
  }
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

// What a client wants.
struct Startup {
  enum class Kind : std::uint8_t {
    kMalformed,
    kTls,     // SSLRequest
    kGssapi,  // GSSENCRequest
    kCancel,
    kOldProtocol,  // protocol 2, or another version that nobody speaks
    kSession,
  };

  Kind kind = Kind::kMalformed;
  CancelKey cancel;  // of kCancel
  // Only kSession has these three: the version 3.x that the client wants, the options of the
  // protocol ("_pq_.") that the client asks for, and all other parameters, such as the user.
  std::uint16_t minor_version = 0;
  std::vector<std::string> protocol_options;
  Parameters parameters;
  // A name that comes more than once among the parameters; empty: there is none. Whoever looks for
  // the first value and whoever looks for the last would not mean the same session.
  std::string repeated;

  // Empty: there is no such parameter.
  std::string_view Find(std::string_view name) const;
};

// The length that the header names, or 0 if the length cannot be right. `header` has kStartupHeader
// bytes at least.
std::size_t StartupLength(std::string_view header);
// `packet` is the whole packet, its length included.
Startup ParseStartup(std::string_view packet);

// Packets to a backend.
std::string BuildStartup(const Parameters& parameters);
std::string BuildTlsRequest();
std::string BuildCancel(const CancelKey& key);

// NegotiateProtocolVersion: the proxy speaks 3.0, and knows none of these options.
void PutNegotiateVersion(const std::vector<std::string>& options, std::string& out);

// The error in the form of protocol 2.
std::string OldProtocolError(std::string_view text);

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_PROTOCOL_STARTUP_H_

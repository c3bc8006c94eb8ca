// The authentication methods that the proxy speaks, on both sides.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_AUTH_PLUGIN_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_AUTH_PLUGIN_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/mysql/protocol/caching_sha2.h"
#include "proxy/mysql/protocol/ed25519.h"
#include "proxy/mysql/protocol/native_password.h"

namespace mysql_proxy {

enum class AuthPlugin : std::uint8_t { kNative, kCachingSha2, kEd25519 };

// The name on the wire.
constexpr std::string_view NameOf(AuthPlugin plugin) {
  switch (plugin) {
    case AuthPlugin::kCachingSha2:
      return kCachingSha2Password;
    case AuthPlugin::kEd25519:
      return kClientEd25519;
    case AuthPlugin::kNative:
      break;
  }
  return kNativePassword;
}

// nullopt: the proxy does not speak the method.
constexpr std::optional<AuthPlugin> ParseAuthPlugin(std::string_view name) {
  for (const AuthPlugin plugin :
       {AuthPlugin::kNative, AuthPlugin::kCachingSha2, AuthPlugin::kEd25519}) {
    if (NameOf(plugin) == name) return plugin;
  }
  return std::nullopt;
}

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_AUTH_PLUGIN_H_

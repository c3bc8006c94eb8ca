// How a client of a server proves its password, packet by packet and without any I/O. The proxy is
// such a client of its backends.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_PASSWORD_PROOF_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_PASSWORD_PROOF_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/mysql/protocol/auth_plugin.h"
#include "proxy/mysql/protocol/rsa_password.h"

namespace mysql_proxy {

// Overwrites a secret that is not needed any more.
void Wipe(std::string& secret);

// One login. A server learns the password itself only if it has proved who it is, or if the
// password is encrypted for the key that the server is known to have.
class PasswordProof {
 public:
  struct Channel {
    bool verified = false;               // The server has proved who it is.
    const RsaKey* server_key = nullptr;  // not owned; nullptr: no key of the server is known
  };
  enum class Next : std::uint8_t {
    kSend,    // `bytes` is the payload of the next packet.
    kWait,    // The server sends the next packet, too.
    kRefuse,  // The login must end. `bytes` says why, for people.
  };
  struct Step {
    Next next = Next::kRefuse;
    std::string bytes = {};
  };

  PasswordProof(std::string_view password, const Channel& channel)
      : password_(password), channel_(channel) {}
  ~PasswordProof();

  PasswordProof(const PasswordProof&) = delete;
  PasswordProof& operator=(const PasswordProof&) = delete;

  // The method for a greeting that names this one: the same if the proxy speaks it, or the usual
  // method of MariaDB.
  static AuthPlugin PluginFor(std::string_view greeting_plugin);

  // Begins, or begins again with the method that the server has asked for.
  Step Begin(std::string_view plugin, std::string_view scramble);
  // Takes a packet that begins with kMoreData.
  Step Feed(std::string_view packet);

 private:
  Step SendPassword() const;

  std::string password_;
  const Channel channel_;
  std::optional<AuthPlugin> plugin_;  // nullopt: Begin was not called, or did not know the method
  std::string scramble_;
  bool answered_ = false;  // Feed was called
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_PASSWORD_PROOF_H_

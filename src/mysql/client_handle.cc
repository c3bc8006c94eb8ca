#include "mysql/client_handle.h"

#include <cstddef>
#include <string>

#include "watch/metered_link.h"

namespace failover::mysql::internal {
namespace {

// The stack of the coroutine on which libmariadb runs a step. Authentication plugins are loaded on
// this stack.
constexpr std::size_t kStackBytes = std::size_t{256} * 1024;

// Each plugin proves that the monitor knows the password, and does not send it.
constexpr char kProofOnly[] = "mysql_native_password,client_ed25519";
// The next two plugins encrypt the password with the public key of the server.
constexpr char kWithPublicKey[] =
    "mysql_native_password,client_ed25519,sha256_password,caching_sha2_password";
// "dialog" is missing, because it may ask a question on the terminal of the process.
constexpr char kWithVerifiedServer[] =
    "mysql_native_password,client_ed25519,sha256_password,caching_sha2_password,"
    "mysql_clear_password";

const char* AllowedPlugins(const MonitoredServer& server) {
  if (server.tls.mode == TlsMode::kVerify) return kWithVerifiedServer;
  const bool has_key = server.tls.mode == TlsMode::kOff && !server.server_public_key_file.empty();
  return has_key ? kWithPublicKey : kProofOnly;
}

void SetFile(MYSQL* handle, mysql_option option, const std::string& file) {
  if (!file.empty()) mysql_options(handle, option, file.c_str());
}

void SetTls(MYSQL* handle, const ServerTls& tls) {
  // libmariadb 3.4 insists on TLS with verification unless it is told otherwise.
  const my_bool encrypt = tls.mode != TlsMode::kOff ? 1 : 0;
  const my_bool verify = tls.mode == TlsMode::kVerify ? 1 : 0;
  mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &encrypt);
  if (encrypt) {
    SetFile(handle, MYSQL_OPT_SSL_CA, tls.ca_file);
    SetFile(handle, MYSQL_OPT_SSL_CERT, tls.certificate_file);
    SetFile(handle, MYSQL_OPT_SSL_KEY, tls.key_file);
  }
  mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

}  // namespace

ClientHandle NewClientHandle(const MonitoredServer& server) {
  ClientHandle owner(mysql_init(nullptr));
  MYSQL* const handle = owner.get();
  if (handle == nullptr) return owner;
  const std::size_t stack = kStackBytes;
  mysql_options(handle, MYSQL_OPT_NONBLOCK, &stack);
  const unsigned int protocol =
      server.unix_socket.empty() ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
  mysql_options(handle, MYSQL_OPT_PROTOCOL, &protocol);
  const unsigned int no = 0;
  mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &no);
  const unsigned long largest_packet = watch::internal::MeteredLink::kMostBytes;
  mysql_options(handle, MYSQL_OPT_MAX_ALLOWED_PACKET, &largest_packet);
  // The greeting of a server names the plugin of most accounts, which need not be the plugin of
  // this account. The server asks for another plugin if the account needs one.
  mysql_options(handle, MYSQL_DEFAULT_AUTH, "mysql_native_password");
  mysql_options(handle, MARIADB_OPT_RESTRICTED_AUTH, AllowedPlugins(server));
  SetFile(handle, MYSQL_SERVER_PUBLIC_KEY, server.server_public_key_file);
  SetTls(handle, server.tls);
  mysql_optionsv(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "failover-monitor");
  return owner;
}

}  // namespace failover::mysql::internal

// The options that only the PostgreSQL proxy has.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_POSTGRES_OPTIONS_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_POSTGRES_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace postgres_proxy {

// How clients prove who they are.
enum class ClientAuthentication : std::uint8_t {
  kPassword,  // by what the users file has of them: SCRAM-SHA-256 or md5
  kTrust,     // not at all; the users file still says who may come in
};

// Where Patroni's state of the cluster is found.
struct PatroniOptions {
  std::vector<std::string> endpoints;  // of etcd; empty: there is no Patroni
  std::string scope;
  std::string namespace_path;
  std::string user;
  std::string password;
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
};

// `postgres_options.cc` says what each option is, in the help text of its flag.
struct PostgresOptions {
  ClientAuthentication client_authentication = ClientAuthentication::kPassword;
  bool backend_cleartext = false;
  bool repeat_sent = true;
  std::size_t max_message_size = std::size_t{16} << 20;  // bytes
  std::string monitor_database = "postgres";
  absl::Duration look_interval = absl::Seconds(1);  // infinite: sessions are not looked into
  PatroniOptions patroni;
};

// The end of the path of the source file that defines the flags, for proxy::ConfigureHelp.
inline constexpr char kFlagsFile[] = "session/postgres_options.cc";

// The text that --help prints before the flags.
const char* UsageText();

// Reads the flags. kInvalidArgument names the flag that is wrong.
absl::StatusOr<PostgresOptions> PostgresOptionsFromFlags();

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_POSTGRES_OPTIONS_H_

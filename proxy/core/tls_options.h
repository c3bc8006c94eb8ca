// The options for encrypted connections, to clients and to backends.
#ifndef FAILOVER_PROXY_CORE_TLS_OPTIONS_H_
#define FAILOVER_PROXY_CORE_TLS_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace proxy {

enum class BackendTlsMode : std::uint8_t {
  kOff,        // No connection is encrypted.
  kPreferred,  // A connection is encrypted if the backend offers TLS.
  kRequired,   // Every connection is encrypted. Nobody checks who the backend is.
  kVerify,     // Every connection is encrypted, and the backend proves who it is.
};

enum class ClientTlsMode : std::uint8_t {
  kOff,       // Clients are offered no TLS.
  kAllowed,   // Clients may use TLS.
  kRequired,  // Clients that do not use TLS cannot log in.
};

// The files of one side, in PEM format. An empty name means that there is no file.
struct TlsFiles {
  std::string ca;           // the authorities that may have signed the peer's certificate
  std::string certificate;  // the proxy's own certificate, followed by those between it and a root
  std::string key;          // the private key of `certificate`
};

// `tls_options.cc` says what each option is, in the help text of its flag.
struct TlsOptions {
  BackendTlsMode backend_mode = BackendTlsMode::kOff;
  TlsFiles backend_files = {};
  // Empty: the certificate of a backend must be for the host in --servers.
  std::string backend_server_name = {};

  ClientTlsMode client_mode = ClientTlsMode::kOff;
  // With `ca`, every client must show a certificate.
  TlsFiles client_files = {};
};

// OK if the options fit together. kInvalidArgument names the flag that does not fit. Files are not
// looked at.
absl::Status CheckTlsOptions(const TlsOptions& options);

// Reads the flags. kInvalidArgument names the flag that is wrong.
absl::StatusOr<TlsOptions> TlsOptionsFromFlags();

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_TLS_OPTIONS_H_

// The TLS of a monitor's connection to a database server.
//
// Plain data that owns what it holds.
#ifndef FAILOVER_WATCH_SERVER_TLS_H_
#define FAILOVER_WATCH_SERVER_TLS_H_

#include <cstdint>
#include <string>

namespace failover::watch {

// How much the TLS of a connection proves.
enum class TlsMode : std::uint8_t {
  kOff,       // The connection is not encrypted.
  kRequired,  // The connection is encrypted, and the monitor does not check who the server is.
  kVerify,    // The connection is encrypted, and the certificate proves who the server is.
};

// The TLS of a connection. Every file is in PEM format and is read again for each new connection.
struct ServerTls {
  TlsMode mode = TlsMode::kOff;
  // The certificates of the authorities that may have signed the server's certificate. Only for
  // kVerify, which needs the file.
  std::string ca_file = {};
  // The name or the numeric address that the server's certificate must be for. Only for kVerify. If
  // it is empty, the certificate must be for `host`.
  std::string server_name = {};
  // The certificate and the private key that the monitor shows to the server: both or none.
  std::string certificate_file = {};
  std::string key_file = {};
};

}  // namespace failover::watch

#endif  // FAILOVER_WATCH_SERVER_TLS_H_

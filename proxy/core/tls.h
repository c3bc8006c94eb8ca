// The certificates of a proxy, and what OpenSSL is to do with them.
#ifndef FAILOVER_PROXY_CORE_TLS_H_
#define FAILOVER_PROXY_CORE_TLS_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proxy/core/log_limiter.h"
#include "proxy/core/mutex.h"
#include "proxy/core/router.h"
#include "proxy/core/tls_options.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace proxy {

// What OpenSSL needs for new connections of one side. Immutable. nullptr: there is no TLS.
using TlsContext = std::shared_ptr<ssl_ctx_st>;

// How one connection to a backend is to be encrypted.
struct BackendTls {
  BackendTlsMode mode = BackendTlsMode::kOff;
  TlsContext context = nullptr;
  // The name or the numeric address that the certificate must be for. Empty: the certificate is not
  // checked. Only with kVerify.
  std::string name = {};
};

// TLS 1.2 is the least on both sides. Thread-safe.
class Tls {
 public:
  // No TLS on either side.
  Tls() : Tls(TlsOptions()) {}
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  // Reads the files. kInvalidArgument names the flag and the file that cannot be used.
  static absl::StatusOr<std::unique_ptr<Tls>> Load(const TlsOptions& options);

  // Reads the files again, for connections that begin later. An error is as that of Load, and then
  // the certificates of both sides stay as they were.
  absl::Status Reload();

  // nullptr: clients are offered no TLS.
  TlsContext clients() const;
  bool clients_must_encrypt() const { return options_.client_mode == ClientTlsMode::kRequired; }
  BackendTls ForBackend(const Address& address) const;

  // Logs that a client was sent away, at most every ten seconds: anybody can cause this line.
  void LogRefusedClient(const std::string& why) const;

 private:
  explicit Tls(const TlsOptions& options) : options_(options) {}

  const TlsOptions options_;

  mutable LogLimiter refused_clients_{std::chrono::seconds(10)};

  mutable Mutex mutex_;
  TlsContext clients_ ABSL_GUARDED_BY(mutex_);
  TlsContext backends_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_TLS_H_

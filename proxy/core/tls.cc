#include "proxy/core/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proxy/core/options.h"
#include "spdlog/spdlog.h"

namespace proxy {
namespace {

// The first words of the flags of a side: "client" makes --client_ssl_cert.
constexpr char kClientFlags[] = "client";
constexpr char kBackendFlags[] = "backend";

// OpenSSL would ask for a passphrase on the terminal, and nobody sits there.
int NoPassphrase(char*, int, int, void*) { return 0; }

std::string LastProblem() {
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return reason == nullptr ? "unknown problem" : reason;
}

absl::Status BadFile(std::string_view side, std::string_view flag, const std::string& file) {
  return InvalidFlag(absl::StrCat(std::string(side), "_ssl_", std::string(flag)),
                     absl::StrCat("cannot use ", file, ": ", LastProblem()));
}

void WarnIfExpired(ssl_ctx_st* context, std::string_view side, const std::string& file) {
  const X509* const certificate = SSL_CTX_get0_certificate(context);
  if (certificate == nullptr || X509_cmp_current_time(X509_get0_notAfter(certificate)) >= 0) return;
  spdlog::warn("--{}_ssl_cert: the certificate in {} has expired", side, file);
}

absl::Status LoadFiles(ssl_ctx_st* context, std::string_view side, const TlsFiles& files) {
  ERR_clear_error();
  if (!files.ca.empty() && SSL_CTX_load_verify_locations(context, files.ca.c_str(), nullptr) != 1) {
    return BadFile(side, "ca", files.ca);
  }
  if (files.certificate.empty()) return absl::OkStatus();
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    return BadFile(side, "cert", files.certificate);
  }
  // This function also compares the key with the certificate.
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return BadFile(side, "key", files.key);
  }
  WarnIfExpired(context, side, files.certificate);
  return absl::OkStatus();
}

absl::StatusOr<TlsContext> NewContext(const SSL_METHOD* method, std::string_view side,
                                      const TlsFiles& files) {
  TlsContext context(SSL_CTX_new(method), SSL_CTX_free);
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) {
    return absl::InternalError("OpenSSL has no TLS 1.2: " + LastProblem());
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  // Every connection shows its certificates anew, so that a reload holds for all that begin later.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  // An idle connection keeps no buffer. The address of what is written may change between two
  // attempts, because a caller that goes on behind the first part passes another pointer.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_default_passwd_cb(context.get(), NoPassphrase);
  if (absl::Status status = LoadFiles(context.get(), side, files); !status.ok()) return status;
  return context;
}

absl::StatusOr<TlsContext> NewClientSide(const TlsOptions& options) {
  if (options.client_mode == ClientTlsMode::kOff) return TlsContext();
  const TlsFiles& files = options.client_files;
  absl::StatusOr<TlsContext> context = NewContext(TLS_server_method(), kClientFlags, files);
  if (!context.ok() || files.ca.empty()) return context;
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(files.ca.c_str());
  if (names == nullptr) return BadFile(kClientFlags, "ca", files.ca);
  SSL_CTX_set_client_CA_list(context->get(), names);  // which owns `names` from now on
  SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return context;
}

absl::StatusOr<TlsContext> NewBackendSide(const TlsOptions& options) {
  if (options.backend_mode == BackendTlsMode::kOff) return TlsContext();
  absl::StatusOr<TlsContext> context =
      NewContext(TLS_client_method(), kBackendFlags, options.backend_files);
  if (!context.ok()) return context;
  const bool verifies = options.backend_mode == BackendTlsMode::kVerify;
  SSL_CTX_set_verify(context->get(), verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  return context;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tls>> Tls::Load(const TlsOptions& options) {
  if (absl::Status status = CheckTlsOptions(options); !status.ok()) return status;
  std::unique_ptr<Tls> tls(new Tls(options));
  if (absl::Status status = tls->Reload(); !status.ok()) return status;
  return tls;
}

absl::Status Tls::Reload() {
  absl::StatusOr<TlsContext> clients = NewClientSide(options_);
  if (!clients.ok()) return clients.status();
  absl::StatusOr<TlsContext> backends = NewBackendSide(options_);
  if (!backends.ok()) return backends.status();
  {
    const MutexLock lock(mutex_);
    clients_.swap(*clients);
    backends_.swap(*backends);
  }
  // What was there before goes here, under no lock.
  return absl::OkStatus();
}

TlsContext Tls::clients() const {
  const MutexLock lock(mutex_);
  return clients_;
}

BackendTls Tls::ForBackend(const Address& address) const {
  BackendTls tls;
  tls.mode = options_.backend_mode;
  if (tls.mode == BackendTlsMode::kVerify) {
    tls.name = !options_.backend_server_name.empty() ? options_.backend_server_name
               : !address.name.empty()               ? address.name
                                                     : address.host;
  }
  const MutexLock lock(mutex_);
  tls.context = backends_;
  return tls;
}

void Tls::LogRefusedClient(const std::string& why) const {
  const std::optional<std::uint64_t> skipped = refused_clients_.Note();
  if (!skipped.has_value()) return;
  spdlog::warn("a client was refused: {} ({} such lines were left out)", why, *skipped);
}

}  // namespace proxy

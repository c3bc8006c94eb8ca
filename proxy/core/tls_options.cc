#include "proxy/core/tls_options.h"

#include <initializer_list>
#include <string_view>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "proxy/core/options.h"

ABSL_FLAG(
    std::string, backend_ssl_mode, "off",
    "The TLS of the sessions' connections to the backends. off: none; preferred: encrypted if the "
    "backend offers TLS; required: always encrypted; verify: always encrypted, and the backend "
    "proves with a certificate of --backend-ssl-ca who it is. Only verify keeps out somebody who "
    "can change what is sent.");
ABSL_FLAG(
    std::string, backend_ssl_ca, "",
    "The certificates of the authorities that may have signed a backend's certificate, a file in "
    "PEM format. For --backend-ssl-mode=verify, which needs it.");
ABSL_FLAG(std::string, backend_ssl_server_name, "",
          "The name that the certificates of the backends must be for. Without one, each "
          "certificate must be for the host in --servers. For --backend-ssl-mode=verify.");
ABSL_FLAG(std::string, backend_ssl_cert, "",
          "The certificate that the proxy shows to the backends, a file in PEM format. Needs "
          "--backend-ssl-key.");
ABSL_FLAG(std::string, backend_ssl_key, "",
          "The private key of --backend-ssl-cert, a file in PEM format without a passphrase.");

ABSL_FLAG(std::string, client_ssl_mode, "off",
          "The TLS of the clients. off: clients are offered none; allowed: a client may use TLS; "
          "required: a client that does not use TLS cannot log in.");
ABSL_FLAG(std::string, client_ssl_cert, "",
          "The certificate that the proxy shows to its clients, a file in PEM format, in which the "
          "certificates between it and a root may follow. Needed unless --client-ssl-mode=off.");
ABSL_FLAG(std::string, client_ssl_key, "",
          "The private key of --client-ssl-cert, a file in PEM format without a passphrase.");
ABSL_FLAG(
    std::string, client_ssl_ca, "",
    "With this file every client must show a certificate that one of the authorities in the file "
    "has signed. In PEM format. For --client-ssl-mode=required.");

namespace proxy {
namespace {

template <typename Mode>
using ModeName = std::pair<std::string_view, Mode>;

// Sets `mode` to the one with the name that the flag has. False: there is no such mode.
template <typename Mode>
bool ReadMode(const std::string& name, std::initializer_list<ModeName<Mode>> modes, Mode& mode) {
  for (const auto& [known, value] : modes) {
    if (name != known) continue;
    mode = value;
    return true;
  }
  return false;
}

absl::Status CheckBackendSide(const TlsOptions& options) {
  const TlsFiles& files = options.backend_files;
  const bool verifies = options.backend_mode == BackendTlsMode::kVerify;
  if (verifies && files.ca.empty()) {
    return InvalidFlag("backend_ssl_ca", "is needed for --backend_ssl_mode=verify");
  }
  if (!verifies && !files.ca.empty()) {
    return InvalidFlag("backend_ssl_ca", "needs --backend_ssl_mode=verify");
  }
  if (!verifies && !options.backend_server_name.empty()) {
    return InvalidFlag("backend_ssl_server_name", "needs --backend_ssl_mode=verify");
  }
  if (files.certificate.empty() != files.key.empty()) {
    return InvalidFlag(files.key.empty() ? "backend_ssl_key" : "backend_ssl_cert",
                       "is needed, because the certificate and its key belong together");
  }
  if (options.backend_mode == BackendTlsMode::kOff && !files.key.empty()) {
    return InvalidFlag("backend_ssl_cert",
                       "needs --backend_ssl_mode=preferred, required or verify");
  }
  return absl::OkStatus();
}

absl::Status CheckClientSide(const TlsOptions& options) {
  const TlsFiles& files = options.client_files;
  if (options.client_mode == ClientTlsMode::kOff) {
    constexpr std::string_view kNeedsMode = "needs --client_ssl_mode=allowed or required";
    if (!files.certificate.empty()) return InvalidFlag("client_ssl_cert", kNeedsMode);
    if (!files.key.empty()) return InvalidFlag("client_ssl_key", kNeedsMode);
  } else {
    constexpr std::string_view kNeeded = "is needed unless --client_ssl_mode=off";
    if (files.certificate.empty()) return InvalidFlag("client_ssl_cert", kNeeded);
    if (files.key.empty()) return InvalidFlag("client_ssl_key", kNeeded);
  }
  // A client that may do without TLS may do without a certificate, too.
  if (options.client_mode != ClientTlsMode::kRequired && !files.ca.empty()) {
    return InvalidFlag("client_ssl_ca", "needs --client_ssl_mode=required");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTlsOptions(const TlsOptions& options) {
  absl::Status status = CheckBackendSide(options);
  if (status.ok()) status = CheckClientSide(options);
  return status;
}

absl::StatusOr<TlsOptions> TlsOptionsFromFlags() {
  TlsOptions options;
  if (!ReadMode(absl::GetFlag(FLAGS_backend_ssl_mode),
                {{"off", BackendTlsMode::kOff},
                 {"preferred", BackendTlsMode::kPreferred},
                 {"required", BackendTlsMode::kRequired},
                 {"verify", BackendTlsMode::kVerify}},
                options.backend_mode)) {
    return InvalidFlag("backend_ssl_mode", "must be off, preferred, required or verify");
  }
  if (!ReadMode(absl::GetFlag(FLAGS_client_ssl_mode),
                {{"off", ClientTlsMode::kOff},
                 {"allowed", ClientTlsMode::kAllowed},
                 {"required", ClientTlsMode::kRequired}},
                options.client_mode)) {
    return InvalidFlag("client_ssl_mode", "must be off, allowed or required");
  }
  options.backend_files = {absl::GetFlag(FLAGS_backend_ssl_ca),
                           absl::GetFlag(FLAGS_backend_ssl_cert),
                           absl::GetFlag(FLAGS_backend_ssl_key)};
  options.backend_server_name = absl::GetFlag(FLAGS_backend_ssl_server_name);
  options.client_files = {absl::GetFlag(FLAGS_client_ssl_ca), absl::GetFlag(FLAGS_client_ssl_cert),
                          absl::GetFlag(FLAGS_client_ssl_key)};
  if (absl::Status status = CheckTlsOptions(options); !status.ok()) return status;
  return options;
}

}  // namespace proxy

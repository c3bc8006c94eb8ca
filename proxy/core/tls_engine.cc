#include "proxy/core/tls_engine.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <asio/error.hpp>
#include <asio/ip/address.hpp>
#include <asio/ssl/error.hpp>
#include <cerrno>
#include <new>

namespace proxy {
namespace {

ssl_st* NewConnection(const TlsContext& context, int descriptor) {
  ssl_st* const ssl = SSL_new(context.get());
  if (ssl == nullptr) throw std::bad_alloc();
  if (SSL_set_fd(ssl, descriptor) == 1) return ssl;
  SSL_free(ssl);
  throw std::bad_alloc();
}

// Throws, because a connection that cannot check its server must not begin.
void Expect(ssl_st* ssl, const std::string& name) {
  std::error_code error;
  asio::ip::make_address(name, error);
  bool set = false;
  if (!error) {
    set = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
  } else {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    set = SSL_set1_host(ssl, name.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
  }
  if (!set) throw std::bad_alloc();
}

// The error of OpenSSL that came first, or `otherwise` if there is none.
std::error_code OpenSslError(const std::error_code& otherwise) {
  const unsigned long number = ERR_peek_error();
  if (number == 0) return otherwise;
  if (ERR_GET_LIB(number) == ERR_LIB_SSL &&
      ERR_GET_REASON(number) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    return asio::error::eof;
  }
  return {static_cast<int>(number), asio::error::get_ssl_category()};
}

}  // namespace

bool IsTlsError(const std::error_code& error) {
  return error && error.category() == asio::error::get_ssl_category();
}

std::unique_ptr<TlsEngine> TlsEngine::AsServer(const TlsContext& context, int descriptor) {
  std::unique_ptr<TlsEngine> engine(new TlsEngine(NewConnection(context, descriptor)));
  SSL_set_accept_state(engine->ssl_.get());
  return engine;
}

std::unique_ptr<TlsEngine> TlsEngine::AsClient(const TlsContext& context, int descriptor,
                                               const std::string& name) {
  std::unique_ptr<TlsEngine> engine(new TlsEngine(NewConnection(context, descriptor)));
  if (!name.empty()) Expect(engine->ssl_.get(), name);
  SSL_set_connect_state(engine->ssl_.get());
  return engine;
}

TlsEngine::TlsEngine(ssl_st* ssl) : ssl_(ssl, SSL_free) {}

// There is no word of farewell (close_notify). The protocols of databases tell the length of
// everything, so that nobody takes a connection that was cut off for one that has ended.
TlsEngine::~TlsEngine() = default;

TlsEngine::Step TlsEngine::Handshake() {
  ERR_clear_error();
  return StepOf(SSL_do_handshake(ssl_.get()), 0);
}

TlsEngine::Step TlsEngine::Read(char* to, std::size_t size) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(ssl_.get(), to, size, &count);
  return StepOf(result, count);
}

TlsEngine::Step TlsEngine::Write(std::string_view bytes) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
  return StepOf(result, count);
}

TlsEngine::Step TlsEngine::Peek(char* to, std::size_t size) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_peek_ex(ssl_.get(), to, size, &count);
  return StepOf(result, count);
}

bool TlsEngine::HasInput() const { return SSL_has_pending(ssl_.get()) == 1; }

std::string TlsEngine::CertificateProblem() const {
  const long result = SSL_get_verify_result(ssl_.get());
  // Without verification OpenSSL looks at the certificate all the same, and goes on.
  if (result == X509_V_OK || SSL_get_verify_mode(ssl_.get()) == SSL_VERIFY_NONE) return {};
  return X509_verify_cert_error_string(result);
}

TlsEngine::Step TlsEngine::StepOf(int result, std::size_t count) {
  const int number = errno;
  if (result == 1) return {Next::kDone, count, {}};
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Next::kAwaitInput};
    case SSL_ERROR_WANT_WRITE:
      return {Next::kAwaitRoom};
    case SSL_ERROR_ZERO_RETURN:
      return {Next::kFailed, 0, asio::error::eof};
    case SSL_ERROR_SYSCALL: {
      const std::error_code lost =
          number == 0 ? make_error_code(asio::error::eof)
                      : std::error_code(number, asio::error::get_system_category());
      return {Next::kFailed, 0, OpenSslError(lost)};
    }
    default:
      return {Next::kFailed, 0, OpenSslError(asio::error::connection_reset)};
  }
}

}  // namespace proxy

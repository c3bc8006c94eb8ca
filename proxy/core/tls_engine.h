// OpenSSL on a socket, without waiting.
#ifndef FAILOVER_PROXY_CORE_TLS_ENGINE_H_
#define FAILOVER_PROXY_CORE_TLS_ENGINE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "proxy/core/tls.h"

struct ssl_st;  // OpenSSL's SSL

namespace proxy {

// Whether `error` says that the two sides do not agree about TLS: a certificate that is not
// trusted, no common version, bytes that are no TLS. A connection that was merely lost has another
// error.
bool IsTlsError(const std::error_code& error);

// One TLS connection on a socket that never blocks. OpenSSL reads from the socket itself, and never
// more than one record, so that it keeps nothing back that its caller could miss.
//
// Not thread-safe. The functions must not be called when the socket was closed, because its number
// may belong to another connection by then.
class TlsEngine {
 public:
  enum class Next : std::uint8_t {
    kDone,
    kAwaitInput,  // Call again when the socket can be read.
    kAwaitRoom,   // Call again when the socket can be written.
    kFailed,      // The connection is of no use any more.
  };
  struct Step {
    Next next = Next::kFailed;
    std::size_t count = 0;       // bytes, with kDone
    std::error_code error = {};  // with kFailed: asio::error::eof if the peer has closed
  };

  // `descriptor` is that of the socket; it is not owned.
  static std::unique_ptr<TlsEngine> AsServer(const TlsContext& context, int descriptor);
  // The certificate of the server must be for `name`, a name or a numeric address, if the context
  // verifies certificates.
  static std::unique_ptr<TlsEngine> AsClient(const TlsContext& context, int descriptor,
                                             const std::string& name);
  ~TlsEngine();

  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  // Must be done before anything else is called.
  Step Handshake();
  Step Read(char* to, std::size_t size);
  // Writes a part of `bytes`, which must not be empty. After kAwaitInput or kAwaitRoom the next
  // call must have the same bytes.
  Step Write(std::string_view bytes);
  // As Read, but the bytes stay where they are.
  Step Peek(char* to, std::size_t size);

  // Whether Read may succeed although nothing can be read from the socket.
  bool HasInput() const;
  // What is wrong with the peer's certificate. Empty: nothing, or nobody has looked.
  std::string CertificateProblem() const;

 private:
  explicit TlsEngine(ssl_st* ssl);
  // What follows from the result of a function of OpenSSL.
  Step StepOf(int result, std::size_t count);

  const std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
};

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_TLS_ENGINE_H_

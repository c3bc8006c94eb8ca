#include "proxy/core/acceptor.h"

#include <system_error>

#include "absl/strings/str_cat.h"

namespace proxy {

absl::Status ListenOn(const Address& address, Acceptor& acceptor) {
  std::error_code error;
  const asio::ip::address ip = asio::ip::make_address(address.host, error);
  const asio::ip::tcp::endpoint endpoint(ip, address.port);
  if (!error) acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address.ToString(), ": ", error.message()));
  }
  return absl::OkStatus();
}

}  // namespace proxy

#include "watch/address_lookup.h"

#include <netdb.h>
#include <sys/socket.h>

#include <atomic>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

namespace failover::watch::internal {
namespace {

// What getaddrinfo is asked for: addresses that a TCP connection may use.
addrinfo TcpHints(int flags) {
  addrinfo hints;
  std::memset(&hints, 0, sizeof(hints));
  hints.ai_flags = flags;
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  return hints;
}

// Whether the failure of getaddrinfo is an answer: there is no such name, or it has no address.
bool IsAnswer(int failure) {
#ifdef EAI_NODATA
  if (failure == EAI_NODATA) return true;
#endif
  return failure == EAI_NONAME;
}

}  // namespace

struct AddressLookup::Shared {
  std::atomic<bool> ended{false};
  // Belongs to the look-up's thread until `ended` is true, and is constant from then on.
  Addresses result;
};

bool IsNumericAddress(const std::string& host) {
  const addrinfo hints = TcpHints(AI_NUMERICHOST);
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  freeaddrinfo(found);
  return true;
}

Addresses ResolveHost(const std::string& host) {
  Addresses addresses;
  const addrinfo hints = TcpHints(0);
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failure != 0) {
    addresses.error = gai_strerror(failure);
    addresses.no_answer = !IsAnswer(failure);
    return addresses;
  }
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    char address[NI_MAXHOST];
    if (getnameinfo(each->ai_addr, each->ai_addrlen, address, sizeof(address), nullptr, 0,
                    NI_NUMERICHOST) == 0) {
      addresses.numeric.emplace_back(address);
    }
  }
  freeaddrinfo(found);
  if (addresses.numeric.empty()) addresses.error = "no address";
  return addresses;
}

AddressLookup::AddressLookup(std::string host, Resolver resolve, std::function<void()> ended)
    : shared_(std::make_shared<Shared>()) {
  try {
    std::thread([shared = shared_, host = std::move(host), resolve = std::move(resolve),
                 ended = std::move(ended)] {
      shared->result = resolve(host);
      // Release: whoever reads `ended` as true also sees `result`, which was written before.
      shared->ended.store(true, std::memory_order_release);
      ended();
    }).detach();
  } catch (const std::system_error& error) {
    shared_->result.error = error.what();
    shared_->result.no_answer = true;
    // Release is more than necessary here: there is no other thread.
    shared_->ended.store(true, std::memory_order_release);
  }
}

const Addresses* AddressLookup::result() const {
  // Acquire: pairs with the release store, so `result` is complete if `ended` is true.
  return shared_->ended.load(std::memory_order_acquire) ? &shared_->result : nullptr;
}

}  // namespace failover::watch::internal

// Looks up the addresses of a host without making its caller wait.
#ifndef FAILOVER_SRC_MYSQL_ADDRESS_LOOKUP_H_
#define FAILOVER_SRC_MYSQL_ADDRESS_LOOKUP_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace failover::mysql::internal {

// An address, as opposed to a name.
bool IsNumericAddress(const std::string& host);

struct Addresses {
  std::vector<std::string> numeric;
  std::string error;  // if there are none: why
};

// By the system's name services; waits for them, which may take long.
Addresses ResolveHost(const std::string& host);

using Resolver = std::function<Addresses(const std::string& host)>;

// The system's look-up can be given no time limit, nor be cancelled. So each has a thread of its
// own, which may outlive this object and ends with the look-up.
class AddressLookup {
 public:
  // Starts it. `ended` is called when it has ended, on the other thread, or not at all if `result`
  // is there at once.
  AddressLookup(std::string host, Resolver resolve, std::function<void()> ended);

  // nullptr while it goes on.
  const Addresses* result() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_ADDRESS_LOOKUP_H_

// Looks up the addresses of a host, and does not make the caller wait.
#ifndef FAILOVER_SRC_WATCH_ADDRESS_LOOKUP_H_
#define FAILOVER_SRC_WATCH_ADDRESS_LOOKUP_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "failover/export.h"

namespace failover::watch::internal {

// Whether `host` is a numeric address, as opposed to a name. Thread-safe.
FAILOVER_EXPORT bool IsNumericAddress(const std::string& host);

struct Addresses {
  std::vector<std::string> numeric;
  // Why there is no address, if `numeric` is empty.
  std::string error;
  // The name services could not be asked, or did not answer. So nothing is known about the name.
  bool no_answer = false;
};

// Asks the system's name services for the addresses of `host`. The function waits for the answer,
// which may take long. Thread-safe.
FAILOVER_EXPORT Addresses ResolveHost(const std::string& host);

using Resolver = std::function<Addresses(const std::string& host)>;

// One look-up. The system's look-up has no time limit and cannot be cancelled. So each look-up has
// a thread of its own. The thread may outlive this object, and ends with the look-up.
//
// Not thread-safe.
class FAILOVER_EXPORT AddressLookup {
 public:
  // Starts the look-up. When the look-up has ended, the other thread calls `ended`. If the system
  // gives no thread, `result` is there at once and `ended` is not called.
  AddressLookup(std::string host, Resolver resolve, std::function<void()> ended);

  // The result; nullptr while the look-up goes on. The pointer lives as long as this object.
  const Addresses* result() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_ADDRESS_LOOKUP_H_
